const [status, again, log, earlier, people, error, form, input, button] = [
  "status", "again", "log", "earlier", "people", "error", "form", "message", "send",
].map((id) => document.getElementById(id));

const username = JSON.parse(document.getElementById("username").textContent);

let socket;
// Sockets that have failed since a frame arrived, and the wait for the next attempt.
let failures = 0;
let seconds;
let countdown;
let retry;

// How many heartbeats have passed since a frame arrived.
let silent;
let heartbeat;

// The timer of a page that was too fast.
let pause;

// What has been written and is not known to be saved: texts and their items, by key.
const outbox = new Map();
const drafts = new Map();
const stored = `outbox of ${username} at ${location.pathname}`;

function caption({ user, time }) {
  const when = document.createElement("time");
  when.dateTime = time;
  when.textContent = new Date(time).toLocaleTimeString();
  const small = document.createElement("small");
  small.append(user === username ? "me" : user, " ", when);
  return small;
}

// The messages on the page by number, the highest of these, and a heading for each day.
const messages = new Map();
let last = 0;
let headings = {};

// The page has all messages from its first one up to this number.
let row = null;
let asked;
let entered;

// Events can overtake each other, so a message may come after one with a higher number.
function place(item, number) {
  if (number < last) {
    let previous = number - 1;
    while (previous > 0 && !messages.has(previous)) {
      previous -= 1;
    }
    (messages.get(previous) ?? earlier).after(item);
  } else {
    const [draft = null] = drafts.values();
    log.insertBefore(item, draft);
    last = number;
  }
  messages.set(number, item);
  while (messages.has(row + 1)) {
    row += 1;
  }
}

function placeHeading(item, time) {
  const day = new Date(time).toLocaleDateString([], { dateStyle: "full" });
  headings[day] ??= log.appendChild(document.createElement("h2"));
  headings[day].textContent ||= day;
  if (item.compareDocumentPosition(headings[day]) & Node.DOCUMENT_POSITION_FOLLOWING) {
    item.before(headings[day]);
  }
}

function show(data) {
  if (messages.has(data.number)) {
    return;
  }
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 100;
  const item = document.createElement("p");
  // As text, never as HTML: a message with a <script> must not run.
  item.textContent = data.message;
  item.prepend(data.user ? caption(data) : "");
  item.classList.toggle("own", data.user === username);
  item.classList.toggle("notice", !data.user);
  if (data.number) {
    place(item, data.number);
    placeHeading(item, data.time);
  } else {
    log.append(item);
  }
  if (atEnd) {
    log.scrollTop = log.scrollHeight;
  }
  return item;
}

function clear() {
  log.replaceChildren(earlier, ...log.querySelectorAll(".draft"));
  messages.clear();
  headings = {};
  last = 0;
}

function showAll(news) {
  const first = news[0]?.number ?? row + 1;
  // If more than two hundred messages are missing before these, the page begins again.
  if (row === null || (!entered && first - row > 201)) {
    clear();
    row = first - 1;
  }
  if (!entered) {
    entered = true;
    sendNext();
  }
  earlier.hidden = first === 1 || messages.has(1);
  earlier.disabled = false;
  news.forEach(show);
  countUnseen();
  if (row < last && row !== asked) {
    asked = row;
    ask();
  }
}

function ask() {
  socket.send(JSON.stringify({ after: row }));
}

// The highest number that was seen here, and the title without a count.
let seen = null;
const title = document.title;

function countUnseen() {
  if (row === null) {
    return;  // the history has not arrived yet
  }
  seen = document.hidden ? seen ?? last : last;
  document.title = last > seen ? `(${last - seen}) ${title}` : title;
}

document.addEventListener("visibilitychange", countUnseen);

function store() {
  try {
    sessionStorage.setItem(stored, JSON.stringify([...outbox]));
  } catch {
    // The storage is full: what is new in the outbox does not survive a reload.
  }
}

function add(key, text) {
  const item = show({ message: text, user: username, time: new Date().toISOString() });
  Object.assign(item, { className: "own draft", ariaLive: "off" });
  item.firstChild.append(", sending …");
  drafts.set(key, item);
  outbox.set(key, text);
  store();
}

// One message after the other, so that they are saved in this order.
function sendNext() {
  const [[key, message] = []] = outbox;
  if (entered && key) {
    socket.send(JSON.stringify({ message, key }));
  }
}

function remove(key) {
  if (outbox.delete(key)) {
    drafts.get(key)?.remove();
    drafts.delete(key);
    store();
    sendNext();
  }
}

function fail(reason) {
  const [[key, text]] = outbox;
  if (input.value) {
    drafts.get(key).firstChild.textContent = `failed: ${reason}`;
    drafts.delete(key);
  } else {
    input.value = text;
  }
  remove(key);
}

let here = [];

function list(users) {
  here = users.sort();
  people.replaceChildren();
  for (const user of here) {
    const item = document.createElement("li");
    item.textContent = user;
    people.append(item);
  }
}

let hushed;

// Screen readers may ignore what is added while the log is busy.
function hush() {
  clearTimeout(hushed);
  log.ariaBusy = "true";
  hushed = setTimeout(() => { log.ariaBusy = "false"; }, 1000);
}

const handlers = {
  "chat.message": (data) => {
    showAll(data.number > row ? [data] : []);  // an older one could leave a gap
    remove(data.key);
  },
  "chat.history": (data) => {
    if (data.user !== username) {
      return stop("Somebody else has signed in.", "Reload");
    }
    const fromEnd = log.scrollHeight - log.scrollTop;
    const isEarlier = data.messages.at(-1)?.number < row;
    if (isEarlier || !log.ariaBusy) {
      hush();
    }
    showAll(data.messages);
    if (isEarlier) {
      log.scrollTop = log.scrollHeight - fromEnd;
    }
  },
  "presence.list": ({ users }) => list(users),
  "presence.joined": ({ user }) => {
    list([...here, user]);
    show({ message: `${user} joined at ${new Date().toLocaleTimeString()}` });
  },
  "presence.left": ({ user }) => {
    list(here.filter((other) => other !== user));
    show({ message: `${user} left at ${new Date().toLocaleTimeString()}` });
  },
};

function connect() {
  clearTimeout(retry);
  clearInterval(countdown);
  status.textContent = "Connecting …";
  status.className = "";
  if (document.activeElement === again) {
    input.focus();
  }
  again.hidden = true;
  silent = 0;
  heartbeat = setInterval(beat, 5000);
  asked = null;
  // The page /chat/room/1/ has its socket at /ws/chat/room/1/, on the same host.
  socket = new WebSocket("/ws" + location.pathname);
  socket.onopen = opened;
  socket.onmessage = received;
  socket.onclose = failed;
}

function opened() {
  socket.onclose = closed;
  status.textContent = "Connected";
}

const reasons = {
  4012: "The server is restarting.",
  4429: "You have opened or sent too much.",
};

function closed({ code }) {
  if ([4401, 4403].includes(code)) {
    failed();
  } else {
    lost(reasons[code]);
  }
}

function received(event) {
  failures = silent = 0;
  const data = JSON.parse(event.data);
  if (data.wait) {
    clearTimeout(pause);
    pause = setTimeout(sendNext, 1000 * data.wait);
  } else if (data.error) {
    error.textContent = data.error;
    fail(data.error);
  } else {
    handlers[data.type]?.(data);
  }
}

function beat() {
  silent += 1;
  if (silent > 2) {
    lost();
  } else if (entered) {
    ask();
  }
}

// Was the socket refused, or is the server down? A request for the page shows which.
async function failed() {
  leave("The connection is lost.");
  // A browser has the cookie of a new session only after the answer that begins it.
  await new Promise((done) => setTimeout(done, 1000));
  const signal = AbortSignal.timeout(5000);
  const page = await fetch(location, { method: "HEAD", redirect: "manual", signal })
    .catch(() => null);
  if (page?.status === 0) {
    stop("You are no longer signed in.", "Sign in");
  } else if (page?.status === 403) {
    stop("You are no longer on this course.", "Reload");
  } else {
    lost();
  }
}

function leave(reason) {
  clearInterval(heartbeat);
  clearTimeout(pause);
  socket.onclose = null;
  socket.close();
  entered = false;
  status.textContent = reason;
  status.className = "closed";
  list([]);
  earlier.disabled = true;
}

function stop(reason, way) {
  leave(reason);
  button.disabled = true;
  const link = document.createElement("a");
  link.href = location.pathname;
  link.textContent = way;
  status.append(" ", link);
}

function lost(reason = "The connection is lost.") {
  leave(reason);
  // A random part of the longest wait, so that pages don't all come back together.
  const wait = Math.random() * Math.min(30, 5 * 2 ** failures);
  failures += 1;
  seconds = Math.ceil(wait);
  retry = setTimeout(connect, 1000 * wait);
  countdown = setInterval(countDown, 1000);
  again.textContent = `Connect now (${seconds})`;
  again.hidden = false;
}

function countDown() {
  seconds -= 1;
  again.textContent = `Connect now (${seconds})`;
}

function hurry() {
  if (!again.hidden && !document.hidden) {
    connect();
  }
}

addEventListener("online", hurry);
document.addEventListener("visibilitychange", hurry);

again.addEventListener("click", connect);

earlier.addEventListener("click", () => {
  socket.send(JSON.stringify({ before: Math.min(...messages.keys()) }));
  log.focus();  // the button may soon be hidden
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  error.textContent = "";
  log.scrollTop = log.scrollHeight;
  add(crypto.getRandomValues(new Uint32Array(4)).join("-"), input.value);
  if (outbox.size === 1) {
    sendNext();
  }
  input.value = "";
  input.focus();
});

// The end stays in view when the log becomes lower, as on a phone that is turned.
let below = 0;  // pixels
let shape;
log.addEventListener("scroll", () => {
  // A browser scrolls by itself when lines break elsewhere: that is not the reader.
  if (shape === log.clientWidth / log.clientHeight) {
    below = log.scrollHeight - log.scrollTop - log.clientHeight;
  }
});
new ResizeObserver(() => {
  shape = log.clientWidth / log.clientHeight;
  if (below < 100) {
    log.scrollTop = log.scrollHeight;
  }
}).observe(log);

for (const draft of JSON.parse(sessionStorage.getItem(stored)) ?? []) {
  add(...draft);
}

// What is in the field isn't lost, either.
const typed = `text of ${username} at ${location.pathname}`;
input.value ||= sessionStorage.getItem(typed) ?? "";
sessionStorage.removeItem(typed);
addEventListener("pagehide", () => sessionStorage.setItem(typed, input.value));

button.disabled = false;
connect();
