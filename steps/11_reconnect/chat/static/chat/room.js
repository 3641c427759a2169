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

// What was sent last, to give it back if the server does not accept it.
let sent = "";

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

// Events can overtake each other, so a message may come after one with a higher number.
function place(item, number) {
  if (number < last) {
    let previous = number - 1;
    while (previous > 0 && !messages.has(previous)) {
      previous -= 1;
    }
    (messages.get(previous) ?? earlier).after(item);
  } else {
    log.append(item);
    last = number;
  }
  messages.set(number, item);
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
}

// For a page that has missed more messages than a history contains.
function clear() {
  log.replaceChildren(earlier);
  messages.clear();
  headings = {};
  last = 0;
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
  "chat.message": show,
  "chat.history": (data) => {
    const fromEnd = log.scrollHeight - log.scrollTop;
    const isEarlier = data.messages.at(-1)?.number < last;
    if (isEarlier || !log.ariaBusy) {
      hush();
    }
    const first = data.messages[0]?.number ?? 1;
    if (first > last + 1) {
      clear();
    }
    earlier.hidden = first === 1 || messages.has(1);
    earlier.disabled = false;
    data.messages.forEach(show);
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
  // The page /chat/room/1/ has its socket at /ws/chat/room/1/, on the same host.
  socket = new WebSocket("/ws" + location.pathname);
  socket.onopen = opened;
  socket.onmessage = received;
  socket.onclose = failed;
}

function opened() {
  socket.onclose = lost;
  status.textContent = "Connected";
  button.disabled = false;
}

function received(event) {
  failures = 0;
  const data = JSON.parse(event.data);
  if (data.error) {
    error.textContent = data.error;
    input.value ||= sent;
  } else {
    handlers[data.type]?.(data);
  }
}

// Was the socket refused, or is the server down? A request for the page shows which.
async function failed() {
  const signal = AbortSignal.timeout(5000);
  const page = await fetch(location, { method: "HEAD", redirect: "manual", signal })
    .catch(() => null);
  if ([0, 403].includes(page?.status)) {
    status.textContent = "You cannot enter this room. Reload the page to see why.";
    status.className = "closed";
  } else {
    lost();
  }
}

function lost() {
  status.textContent = "The connection is lost.";
  status.className = "closed";
  list([]);
  button.disabled = earlier.disabled = true;
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
  sent = input.value;
  socket.send(JSON.stringify({ message: sent }));
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

connect();
