// The page of the stage: people's panes, lamps, groups and keys. The wire and the slides
// have files of their own.

import { changeSlides, setSlides, turn } from "./slides.js";
import * as wire from "./wire.js";

const [title, steps, lamps, left, right, groups, buttons, help, address] = [
  "title", "steps", "lamps", "left", "right", "groups", "buttons", "help", "address",
].map((id) => document.getElementById(id));

let program = null;
let people = ["alice", "bob"];
let redis = { lit: false, groups: {}, presence: {} };
let server = "starting";
// Whether the panes have to be loaded when the server is ready.
let stale = true;
// The people who are offline, and those whose page has to be loaded when they are back.
let offline = new Set();
const missing = new Set();

const socket = new WebSocket("/wire");
const ask = (what, more = {}) => socket.send(JSON.stringify({ do: what, ...more }));

socket.addEventListener("message", ({ data }) => {
  const message = JSON.parse(data);
  (HEAR[message.kind] ?? hearEvent)(message);
});

socket.addEventListener("close", () => {
  title.textContent = "The stage has ended.";
  server = "stopped";
  drawLamps();
});

const HEAR = {
  program(message) {
    program = message;
    server = message.state;
    stale = true;
    offline = new Set(program.offline);
    missing.clear();
    // Each step has keys of its own in Redis.
    redis = { ...redis, groups: {}, presence: {} };
    wire.clearWire();
    drawProgram();
    drawGroups();
    if (server === "ready") {
      loadPanes();
    } else if (server === "stopped") {
      hearEvent({ kind: "stopped", text: program.reason });
    }
  },
  // The folder has changed: its slides, too, but nobody's page.
  changed(message) {
    program = message;
    changeSlides(program.slides, program.nothing);
  },
  ready() {
    server = "ready";
    drawTitle();
    drawLamps();
    // A server that has started again has everybody online.
    offline.clear();
    drawNetwork();
    const lacking = [...missing];
    missing.clear();
    if (stale) {
      loadPanes();
    } else {
      lacking.forEach((name) => load(paneOf(name)));
    }
  },
  stopped(message) {
    server = "stopped";
    program.reason = message.text;
    drawTitle();
    wire.serverHasEnded();
    hearEvent(message);
  },
  network(message) {
    const name = personAt(message.port);
    if (message.on) {
      offline.delete(name);
    } else {
      offline.add(name);
    }
    if (!message.on && !isConnected(name)) {
      missing.add(name);
    } else if (message.on && missing.delete(name)) {
      load(paneOf(name));
    }
    hearEvent(message);
    drawNetwork();
  },
  redis(message) {
    redis = message;
    drawGroups();
    drawLamps();
  },
  joined({ user }) {
    program.joined.push(user);
    drawJoined();
  },
  // Not before: Redis would forget those who had connected already.
  cleared() {
    clearAll();
    loadPanes();
  },
  saved(message) {
    server = "starting";
    wire.serverHasEnded();
    hearEvent(message);
  },
};

function hearEvent(event) {
  wire.hear(event, personAt);
  drawLamps();
  drawPause();
}

function personAt(port) {
  return Object.keys(program.people).find((name) => program.people[name].includes(`:${port}/`)) ?? "class";
}

function isConnected(name) {
  return wire.sockets.some((s) => s.person === name && s.open);
}

function drawNetwork() {
  const text = offline.has("bob") ? "bob is offline (O)" : "bob's network (O)";
  buttons.querySelector("[data-key=o]").textContent = text;
}

function drawTitle() {
  title.textContent = server === "stopped"
    ? `The server has stopped: ${program.reason}`
    : `${program.number} · ${program.folder ?? program.title}`;
  title.title = title.textContent;
}

function drawProgram() {
  drawTitle();
  steps.replaceChildren(
    ...program.steps.map((number) => {
      const button = document.createElement("button");
      button.textContent = number;
      if (number === program.number) {
        button.setAttribute("aria-current", "step");
      }
      button.addEventListener("click", () => ask("show", { number }));
      return button;
    })
  );
  setSlides(program.slides, program.nothing);
  // Before step 03 there is no layer that could carry an event.
  for (const key of ["m", "e"]) {
    buttons.querySelector(`[data-key=${key}]`).hidden = program.number < "03";
  }
  drawNetwork();
  drawClass();
  drawPanes();
  drawLamps();
}

// Where a class can join, in large letters, and who has.
function drawClass() {
  buttons.querySelector("[data-key=l]").hidden = !program.lan;
  if (program.lan) {
    address.querySelector("h2").textContent = program.lan;
    address.querySelector("div").innerHTML = program.code;
    drawJoined();
    if (!program.joined.length && !address.open) {
      address.showModal();
    }
  }
}

function drawJoined() {
  const { length } = program.joined;
  address.querySelector("p").textContent = length
    ? `${length} ${length === 1 ? "has" : "have"} joined: ${program.joined.join(", ")}`
    : "Nobody has joined yet.";
  buttons.querySelector("[data-key=l]").textContent = `Class: ${length} (L)`;
}

function drawPanes() {
  const shown = new Set(people);
  for (const pane of document.querySelectorAll(".pane")) {
    if (!shown.delete(pane.dataset.person)) {
      pane.remove();
    }
  }
  for (const name of shown) {
    const pane = document.createElement("div");
    pane.className = "pane";
    pane.dataset.person = name;
    const head = document.createElement("h2");
    const reload = document.createElement("button");
    reload.textContent = "Reload";
    reload.addEventListener("click", () => load(pane));
    head.append(name, reload);
    const frame = document.createElement("iframe");
    frame.title = `${name}'s page`;
    const box = document.createElement("div");
    box.className = "frame";
    box.append(frame);
    pane.append(head, box);
    (left.children.length > right.children.length ? right : left).append(pane);
  }
  wire.setPeople(program.lan ? [...people, "class"] : people);
}

function paneOf(name) {
  return document.querySelector(`.pane[data-person=${name}]`);
}

function load(pane) {
  const name = pane.dataset.person;
  pane.querySelector("iframe").src = program.people[name];
  if (offline.has(name)) {
    missing.add(name);
  }
}

function loadPanes() {
  stale = server !== "ready";
  document.querySelectorAll(".pane").forEach(load);
}

function drawLamps() {
  const lit = [["server", server === "ready"], ["Redis", redis.lit], ...people.map((name) => [name, isConnected(name)])];
  lamps.replaceChildren(
    ...lit.map(([name, isLit]) => {
      const lamp = document.createElement("li");
      lamp.textContent = name;
      lamp.className = isLit ? "lit" : "";
      lamp.title = isLit ? "on" : "off";
      return lamp;
    })
  );
}

// Who is in which group, by name: a channel whose socket is gone is a ghost.
function drawGroups() {
  const byChannel = new Map(wire.sockets.map((s) => [s.channel, s]));
  const member = (channel) => {
    const name = document.createElement("span");
    const known = byChannel.get(channel);
    name.textContent = known?.user || known?.person || "somebody";
    name.className = known?.open ? "" : "ghost";
    return name;
  };
  const lines = Object.entries(redis.groups).map(([group, channels]) =>
    line(`group ${group}: `, channels.map(member).sort(byText))
  );
  for (const [group, entries] of Object.entries(redis.presence)) {
    const parts = Object.entries(entries).map(([entry, seconds]) => {
      const [channel, user] = entry.split(" ");
      const name = document.createElement("span");
      name.textContent = seconds === null ? user : `${user} ${seconds.toFixed(1)} s`;
      name.className = byChannel.get(channel)?.open ? "" : "ghost";
      return name;
    });
    lines.push(line(`presence ${group}: `, parts.sort(byText)));
  }
  groups.replaceChildren(...lines.sort(byText));
}

const byText = (a, b) => a.textContent.localeCompare(b.textContent, "en", { numeric: true });

function line(text, parts) {
  const paragraph = document.createElement("p");
  paragraph.append(text, ...parts.flatMap((part, index) => [index ? ", " : "", part]));
  return paragraph;
}

function bring(name) {
  people = people.includes(name) ? people.filter((other) => other !== name) : [...people, name];
  drawPanes();
  if (paneOf(name)) {
    load(paneOf(name));
  }
  drawLamps();
}

function knock(name) {
  if (!people.includes(name)) {
    bring(name);
  }
  const { host, pathname } = new URL(program.people[name]);
  new WebSocket(`ws://${host}/ws${pathname}`);
}

function toggle(name) {
  const was = document.body.classList.contains(name);
  document.body.classList.remove("wire", "change");
  document.body.classList.toggle(name, !was);
}

function drawPause() {
  const button = buttons.querySelector("[data-key=Space]");
  const count = wire.waitingCount();
  button.textContent = wire.isPaused() ? `Continue (Space)${count ? `, ${count} waiting` : ""}` : "Pause (Space)";
}

function neighbour(by) {
  const number = program.steps[program.steps.indexOf(program.number) + by];
  if (number) {
    ask("show", { number });
  }
}

// In a room: from step 14 on, each user has a group, too.
function tryOut(event) {
  const names = Object.keys(redis.groups).sort();
  ask("send", { group: names.find((name) => /^(chat|room)/.test(name)) ?? names[0] ?? "chat_1", event });
}

// Key: the button's label, what it does, and, if the label does not say it, an explanation.
const KEYS = {
  "[": ["Step before ([)", () => neighbour(-1), "shows the step before"],
  "]": ["Next step (])", () => neighbour(1), "shows the next step"],
  w: ["Wire (W)", () => toggle("wire"), "enlarges the wire"],
  d: ["Change (D)", () => toggle("change"), "enlarges what the chapter changes"],
  Space: ["Pause (Space)", () => { wire.setPaused(!wire.isPaused()); drawPause(); }, "pauses the wire"],
  ArrowLeft: ["←", () => arrow(-1), "the slide before, or, while paused, the event before"],
  ArrowRight: ["→", () => arrow(1), "the next slide, or, while paused, the next event; Enter opens it"],
  b: ["Heartbeats (B)", () => document.body.classList.toggle("beats"), "shows the heartbeats of the pages, which begin at step 12, or hides them"],
  x: ["carol knocks (X)", () => knock("carol"), "brings carol in, who is not on course 1, and connects once more as her"],
  c: ["carol (C)", () => bring("carol"), "brings carol in, or sends her away"],
  t: ["teacher (T)", () => bring("teacher"), "brings the teacher in, or sends her away"],
  r: ["Clear (R)", () => ask("clear"), "clears the wire and Redis, loads all pages, and sends a class away"],
  o: ["bob's network (O)", () => ask("network", { name: "bob" }), "takes bob offline, or back online"],
  k: ["Redis (K)", () => ask("redis"), "stops Redis, or starts it again"],
  m: ["Try a mistake (M)", () => tryOut({ type: "chat.mesage" }), "sends an event with a type that no consumer has a method for"],
  // From step 09 on chat_message() passes any event on.
  e: ["Try an error (E)", () => tryOut({ type: program.number < "09" ? "chat.message" : "presence.changed" }), "sends an event that lacks what its method needs"],
  h: ["Hand-out (H)", () => window.open(`/handout/${program.number}`), "opens the chapter and its change on a page that prints well"],
  l: ["Class (L)", () => program.lan && address.showModal(), "shows where a class can join, and who has (with --lan)"],
  "?": ["Keys (?)", () => { help.showModal(); help.scrollTop = 0; }, "lists the keys"],
};

function clearAll() {
  wire.clearWire();
  drawLamps();
  if (program.lan) {
    program.joined = [];
    drawJoined();
  }
}

function arrow(by) {
  if (wire.isPaused()) {
    wire.step(by);
    drawPause();
  } else {
    turn(by);
  }
}

for (const [key, [label, call]] of Object.entries(KEYS)) {
  const button = document.createElement("button");
  button.textContent = label;
  button.dataset.key = key;
  button.addEventListener("click", call);
  buttons.append(button);
}
const list = help.querySelector("dl");
for (const [key, [label, , words]] of [["a step's number", ["", , "shows that step"]], ...Object.entries(KEYS)]) {
  const term = document.createElement("dt");
  const meaning = document.createElement("dd");
  term.textContent = { ArrowLeft: "←", ArrowRight: "→" }[key] ?? (key.length === 1 ? key.toUpperCase() : key);
  meaning.textContent = words ?? label;
  list.append(term, meaning);
}

// After a click with the mouse, Space pauses as before.
document.addEventListener("click", ({ detail, target }) => {
  if (detail) {
    target.closest("button")?.blur();
  }
});

// As many digits as the last step's number needs, or fewer and a pause.
const length = () => String(Number(program.steps.at(-1))).length;
let digits = "";
let pause;

function showTyped() {
  ask("show", { number: digits.padStart(2, "0") });
  digits = "";
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) {
    return;
  }
  // The browser presses a button that has the focus.
  if (["Enter", " "].includes(event.key) && event.target.closest("button")) {
    return;
  }
  clearTimeout(pause);
  if (/^\d$/.test(event.key)) {
    digits += event.key;
    if (digits.length >= length()) {
      showTyped();
    } else {
      pause = setTimeout(showTyped, 1000);
    }
    return;
  }
  digits = "";
  if (event.key === "Enter") {
    event.preventDefault();
    wire.openMarked();
    return;
  }
  const key = event.key === " " ? "Space" : event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (KEYS[key]) {
    event.preventDefault();
    KEYS[key][1]();
  }
});
