// The wire: each event is a line with an arrow between two of the columns.

const [columns, wire, whole] = ["columns", "wire", "whole"].map((id) =>
  document.getElementById(id)
);

// All sockets since the step came on: { person, user, where, channel, cause, open }. A
// channel that the server has for itself, as it has one for a room at step 21, is like one.
export const sockets = [];
// Those of the server that runs now, by number.
let byNumber = new Map();
let people = [];
// The newest lines of what each member of a class gets, by their text.
let merged = new Map();
// All that is drawn, to be drawn again when the columns change; the oldest is forgotten.
let history = [];
const LONGEST = 500;
let paused = false;
let waiting = [];
let marked = null;

export function isPaused() {
  return paused;
}

// `names` are the people on the stage, from left to right; the layer is behind the first.
export function setPeople(names) {
  people = names;
  draw();
  wire.replaceChildren();
  merged = new Map();
  marked = null;
  history.forEach(append);
  forgetOldest();
}

// A server that has ended cannot say that its sockets are closed.
export function serverHasEnded() {
  byNumber.forEach((socket) => { socket.open = false; });
  byNumber = new Map();
}

export function clearWire() {
  serverHasEnded();
  sockets.length = 0;
  history = [];
  wire.replaceChildren();
  waiting = [];
  marked = null;
}

export function setPaused(value) {
  paused = value;
  if (!paused) {
    waiting.splice(0).forEach(add);
    marked?.classList.remove("now");
    marked = null;
  }
}

export function waitingCount() {
  return waiting.length;
}

// One event on or back, while the wire is paused. Lines that are hidden are passed over.
export function step(by) {
  const side = by > 0 ? "nextSibling" : "previousSibling";
  const start = marked ?? wire.lastChild;
  const beyond = () => visible(start ? start[side] : wire.firstChild, side);
  let next = marked || by > 0 ? beyond() : null;
  while (by > 0 && !next && waiting.length) {
    add(waiting.shift());
    next = beyond();
  }
  next ??= marked ? null : visible(start, "previousSibling");
  if (next) {
    marked?.classList.remove("now");
    marked = next;
    marked.classList.add("now");
    marked.scrollIntoView({ block: "nearest" });
  }
}

// The line itself, or the next one on this side that is not hidden.
function visible(line, side) {
  return !line || line.checkVisibility() ? line : visible(line[side], side);
}

// Show the marked event in full, as a click does.
export function openMarked() {
  marked?.click();
}

function names() {
  const [first, ...others] = people;
  return [
    [`${first}'s page`, first],
    [`${first}'s consumer`, first],
    ["the group (layer)", null],
    ...others.flatMap((name) => [[`${name}'s consumer`, name], [`${name}'s page`, name]]),
  ];
}

function draw() {
  columns.replaceChildren(
    ...names().map(([name, person]) => {
      const item = document.createElement("li");
      item.textContent = name;
      item.dataset.person = person ?? "";
      return item;
    })
  );
}

// The class has two columns for all its pages and all its consumers.
const column = (what) => names().findIndex(([name]) => name === what);
const page = (person) => column(`${person}'s page`);
const consumer = (person) => column(`${person}'s consumer`);
const layer = () => 2;

// What each kind of event draws: from, to, a word, and what it carries.
const ARROWS = {
  open: (e, s) => [page(s.person), consumer(s.person), `connects to ${e.path}`, `Origin: ${e.origin || "none"}`],
  consumer: (e, s) => [consumer(s.person), consumer(s.person), `a consumer for ${e.user || "nobody"};`, `its methods run in ${e.where === "thread" ? "a thread" : "the event loop"}`],
  call: (e, s) => e.event
    ? [layer(), consumer(s.person), `${e.event.type} → ${e.method} (${s.where})`, e.event]
    : [consumer(s.person), consumer(s.person), `${e.method} (${s.where})`, ""],
  accept: (e, s) => [consumer(s.person), page(s.person), "accepted: 101", ""],
  refuse: (e, s) => [consumer(s.person), page(s.person), `refused: ${e.code}`, "", true],
  up: (e, s) => [page(s.person), consumer(s.person), "frame", e.frame],
  down: (e, s) => [consumer(s.person), page(s.person), "frame", e.frame],
  add: (e, s) => [consumer(s.person), layer(), `group_add ${e.group}`, ""],
  discard: (e, s) => [consumer(s.person), layer(), `group_discard ${e.group}`, ""],
  send: (e, s) => [s.person ? consumer(s.person) : layer(), layer(), `${e.group ? "group_send" : "send"} ${e.group ?? e.channel}`, e.event],
  close: (e, s) => [consumer(s.person), page(s.person), `close ${e.code}`, "", true],
  gone: (e, s) => [page(s.person), consumer(s.person), `the browser has left: ${e.code ?? ""}`, ""],
  error: (e, s) => [consumer(s.person), page(s.person), "exception", e.text, true],
  get: (e) => [layer(), layer(), `${e.event.type} → the server`, e.event],
  log: (e) => [layer(), layer(), "the server's log:", e.text, true],
  network: (e, s) => [page(s.person), page(s.person), e.on ? "is online again" : "is offline", "", !e.on],
  saved: () => [layer(), layer(), "a file was saved: the server restarts", ""],
  stopped: (e) => [layer(), layer(), "the server has stopped:", e.text, true],
};

// Take note of an event, and draw it now or, while paused, later.
export function hear(event, personOf) {
  const socket = byNumber.get(event.socket) ?? {};
  if (event.kind === "open") {
    socket.person = personOf(event.port);
    byNumber.set(event.socket, socket);
    sockets.push(socket);
  } else if (event.kind === "network") {
    socket.person = personOf(event.port);
  } else if (event.kind === "consumer") {
    Object.assign(socket, { user: event.user, where: event.where, channel: event.channel });
  } else if (event.kind === "add" && socket.channel && !sockets.some(({ channel }) => channel === event.channel)) {
    const own = { user: "the server", channel: event.channel, open: true };
    byNumber.set(event.channel, own);
    sockets.push(own);
  } else if (event.kind === "accept") {
    socket.open = true;
  } else if (["end", "gone", "close", "error", "refuse"].includes(event.kind)) {
    socket.open = false;
  }
  if (!ARROWS[event.kind]) {
    return;
  }
  // What a payload has that the one that caused it had not is marked.
  const [, , , carried] = ARROWS[event.kind](event, socket);
  const payload = parsed(carried);
  const news = new Set();
  if (event.kind === "send" && socket.cause) {
    Object.keys(payload ?? {}).filter((key) => key !== "type" && !(key in socket.cause)).forEach((key) => news.add(key));
  }
  if (event.kind === "up" || (event.kind === "call" && event.event)) {
    socket.cause = payload;
  }
  const line = { event, socket, news };
  if (paused) {
    waiting.push(line);
  } else {
    add(line);
  }
}

function add(line) {
  history.push(line);
  append(line);
  forgetOldest();
}

// Heartbeats are counted by themselves: they push nothing else out.
function forgetOldest() {
  const beats = wire.getElementsByClassName("beat");
  while (beats.length > LONGEST) {
    forget(beats[0]);
  }
  while (wire.children.length - beats.length > LONGEST) {
    forget(wire.querySelector("li:not(.beat)"));
  }
}

// An event whose line has gone is not drawn again.
function forget(line) {
  line.remove();
  history = history.filter(({ item }) => item !== line);
  while (!history[0].item?.isConnected) {
    history.shift();
  }
}

function parsed(carried) {
  if (typeof carried === "object") {
    return carried;
  }
  try {
    const value = JSON.parse(carried);
    return typeof value === "object" ? value : null;
  } catch {
    return null;
  }
}

function append(line) {
  const { event, socket, news } = line;
  const [from, to, word, carried, bad] = ARROWS[event.kind](event, socket);
  if (from < 0 || to < 0) {
    return;
  }
  const item = document.createElement("li");
  item.dataset.person = socket.person ?? "";
  item.dataset.kind = event.kind;
  markBeat(event, socket, item);
  line.item = merge(event, socket, `${event.kind} ${word} ${JSON.stringify(carried)}`, item);
  if (line.item !== item) {
    return;
  }
  const label = document.createElement("div");
  label.className = bad ? "label bad" : "label";
  const head = document.createElement("b");
  head.textContent = socket.person ? `${nameOf(socket)}: ` : "";
  label.append(head, `${word} `);
  const payload = parsed(carried);
  if (payload && event.kind !== "call") {
    label.append(...pieces(payload, news));
  } else if (!payload) {
    label.append(carried);
  }
  item.append(label, lines(from, to, bad));
  item.addEventListener("click", () => {
    whole.querySelector("pre").textContent = JSON.stringify(
      { ...event, frame: parsed(event.frame) ?? event.frame }, null, 2
    );
    whole.showModal();
  });
  wire.append(item);
}

// From step 12 on, a page asks every five seconds what it has missed. The question, the
// call of receive() and the answer are a heartbeat, unless the answer brings something.
function markBeat({ kind, method, frame }, socket, item) {
  const payload = parsed(frame);
  if (kind === "up" && Object.keys(payload ?? {}).join() === "after") {
    socket.beat = [];
  } else if (!socket.beat || !(payload?.messages || method === "receive()" && socket.beat.length === 1)) {
    return;
  }
  item.classList.add("beat");
  socket.beat.push(item);
  if (payload?.messages) {
    const missed = payload.messages.length > 0;
    socket.beat.forEach(({ classList }) => classList.toggle("beat", !missed));
    socket.beat = null;
  }
}

function nameOf(socket) {
  return socket.person === "class" ? socket.user || "somebody" : socket.person;
}

// What all in a class get is one line with their number: one in, many out. Return the
// line of the event: `item`, or that of an event before it.
function merge(event, socket, text, item) {
  if (event.kind === "up" || event.kind === "send") {
    merged = new Map();
  }
  if (socket.person !== "class" || !["call", "down"].includes(event.kind)) {
    return item;
  }
  const first = merged.get(text);
  if (!first?.item.isConnected) {
    merged.set(text, { item, names: [nameOf(socket)] });
    return item;
  }
  first.names.push(nameOf(socket));
  const head = first.item.querySelector("b");
  head.textContent = `${first.names.length} in the class: `;
  head.title = first.names.join(", ");
  return first.item;
}

function pieces(payload, news) {
  return Object.entries(payload).flatMap(([key, value], index) => {
    const piece = document.createElement(news.has(key) ? "mark" : "span");
    piece.textContent = `${key}: ${JSON.stringify(value)}`;
    return [index ? ", " : "", piece];
  });
}

function lines(from, to, bad) {
  const all = document.createElement("div");
  all.className = "lines";
  const count = names().length;
  const x = (column) => (100 * (column + 0.5)) / count;
  for (let column = 0; column < count; column += 1) {
    const line = document.createElement("i");
    line.style.left = `${x(column)}%`;
    all.append(line);
  }
  const arrow = document.createElement("div");
  arrow.className = `arrow ${from === to ? "dot" : from < to ? "right" : "left"}`;
  arrow.classList.toggle("bad", Boolean(bad));
  arrow.style.left = `${x(Math.min(from, to))}%`;
  if (from !== to) {
    arrow.style.width = `${Math.abs(x(from) - x(to))}%`;
  }
  all.append(arrow);
  return all;
}
