const [status, log, earlier, people, error, form, input, button] = [
  "status", "log", "earlier", "people", "error", "form", "message", "send",
].map((id) => document.getElementById(id));

const username = JSON.parse(document.getElementById("username").textContent);

// The page /chat/room/1/ has its socket at /ws/chat/room/1/, on the same host.
const socket = new WebSocket("/ws" + location.pathname);

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
const headings = {};

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
    hush();
    const fromEnd = log.scrollHeight - log.scrollTop;
    data.messages.forEach(show);
    earlier.hidden = data.messages.length === 0 || messages.has(1);
    log.scrollTop = log.scrollHeight - fromEnd;
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

socket.addEventListener("open", () => {
  status.textContent = "Connected";
  button.disabled = false;
});

socket.addEventListener("message", (event) => {
  const data = JSON.parse(event.data);
  if (data.error) {
    error.textContent = data.error;
    input.value ||= sent;
  } else {
    handlers[data.type]?.(data);
  }
});

socket.addEventListener("close", () => {
  status.textContent = "Closed. Reload the page to connect again.";
  status.className = "closed";
  list([]);
  button.disabled = true;
  earlier.hidden = true;
});

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
