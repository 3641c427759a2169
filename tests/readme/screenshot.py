"""The pictures in docs: `python -m tests.readme.screenshot` takes them again.

With names, as in `python -m tests.readme.screenshot 09 stage`, it takes only these.

There is one for each step, and one for the README. Each shows two windows side by side,
one wide and light, the other narrow and dark. The pages in them come from a real server
with a real Valkey, and a real browser draws them. One shows what such a server does.
"""

import asyncio
import base64
import contextlib
import sqlite3
import sys
import tempfile
from functools import partial
from pathlib import Path

from playwright.async_api import expect

from tests.bench.profile import profile
from tests.stage.conftest import stage_page
from tests.support.browser import GONE, chromium, visit
from tests.support.deadline import DEADLINE
from tests.support.rabbitmq import rabbitmq
from tests.support.site import Site
from tests.support.valkey import url_of, valkey
from tutorial.shared.steps import ROOT, all_steps

DOCS = ROOT / "docs"
# The size of the windows in pixels, and how much smaller their pictures are.
WIDTHS, HEIGHT, SCALE = (760, 400), 560, 0.8
HEIGHTS = {"00": 320, "20": 430, "room": 680}
COLOURS = "light", "dark"
GAP = 20
COURSE, ROOM = "/courses/1/", "/chat/room/1/"
# The picture of the stage.
STAGE = "stage"
# For each picture: the page, who opens it, and who says what. The first two people have
# the windows. A picture that has no step's name shows the last step.
SCENES = {
    "00": (COURSE, "alice"),
    "01": (ROOM, "alice bob", "alice: Hello!", "bob: Is anybody there?"),
    "02": (ROOM, "alice bob", "alice: Hello, bob!", "bob: Where is alice?"),
    "03": (ROOM, "alice bob", "alice: Is anybody there?", "bob: Yes, I am."),
    "04": (ROOM, "alice bob", "alice: Where is the exam?", "bob: Room 12, at nine."),
    "05": (ROOM, "alice bob", "bob: Who waits for whom?", "alice: Nobody."),
    "06": ("/chat/kitchen/", "alice carol", "alice: Tea?", "carol: In ten minutes."),
    "07": (ROOM, "alice bob teacher", "teacher: Good morning!", "bob: Hello!"),
    "08": (ROOM, "alice bob", "bob: Can you still read this?", "alice: Yes."),
    "09": (ROOM, "alice bob", "alice: The exam is in room 12.", "bob: Thank you!"),
    "10": (ROOM, "alice bob", "bob: Where is the exam?", "alice: Scroll up."),
    "11": (ROOM, "alice bob", "bob: Is the train late?", "alice: We have just left."),
    "12": (
        ROOM,
        "alice bob",
        "alice: A tunnel ahead.",
        "bob: Can you still read this?",
    ),
    "13": (ROOM, "alice bob", "alice: The train is late.", "bob: How late?"),
    "14": (ROOM, "alice bob", "alice: I have to leave now.", "bob: Sign out first!"),
    "15": (ROOM, "alice bob", "bob: Where are you?", "alice: In twenty tabs."),
    "16": (ROOM, "alice bob", "bob: Are you there?", "alice: As long as Redis is."),
    "17": (ROOM, "alice bob", "alice: Is there a new version?", "bob: At noon."),
    "18": (ROOM, "alice bob", "bob: It is noon.", "alice: And nothing happens."),
    "19": (ROOM, "alice bob", "bob: Does it matter?", "alice: Not to this page."),
    "20": (ROOM, "alice bob", "alice: Who counts us?", "bob: The servers do."),
    "21": (),  # no window; see PROFILED
    "room": (
        ROOM,
        "alice bob",
        "alice: What is a consumer?",
        "bob: One object for one socket, for as long as it is open.",
        "bob: <script>alert('and this?')</script>",
        "alice: That is shown as text.",
    ),
}
# Whose server is killed there, and what that person has begun to write.
KILLED = {
    "08": ("bob", ""),
    "11": ("alice", "I will be there at "),
    "13": ("alice", ""),
}
# What the person whose server has been killed writes nevertheless.
UNSENT = {"13": ("An hour.", "Please start without me.")}
# The first person's server is down there while the second one writes this.
AWAY, MEANWHILE = "12", "The room is 14, not 12."
# The first person signs out in another tab there.
SIGNED_OUT = "14"
# The first person opens twenty other sockets there, comes back, and writes this.
TOO_MANY, WAITING = "15", "Which of them should I close?"
OPEN_TWENTY = """async (path) => {
  for (window.tabs = []; tabs.length < 20; ) {
    tabs.push(new WebSocket(`/ws${path}`));
    await new Promise((over) => { tabs.at(-1).onmessage = over; });
  }
}"""
# Redis is stopped there, and the second person opens the health page.
NO_REDIS = "16"
# NGINX's servers are stopped there; then the first person writes, the second reloads.
STOPPED, PATIENT = "17", "Then I will wait."
# The first person's server restarts there, and the person writes this.
RESTARTED, SURPRISED = "18", "Oh."
# RabbitMQ carries the events there, and stops; the second opens the health page.
NO_BROKER = "19"
# The second person's window shows there what the servers have counted.
COUNTED = "20"
# A flame graph is there: what the step before does, from a function on, which has
# MEMBERS consumers; so many of its rows, of so many pixels.
PROFILED, BEFORE, MEMBERS = "21", "20", 200
FUNCTION = "AsyncConsumer.__call__ (channels/consumer.py:"
WIDTH, ABOVE, BELOW, ROW = 960, 3, 11, 16
ZOOM = """(name) => {
  const bars = [...document.querySelectorAll("#frames > g")];
  const width = (bar) => bar.querySelector("rect").getBoundingClientRect().width;
  const named = bars.filter((bar) => bar.textContent.includes(name));
  const [widest] = named.sort((one, other) => width(other) - width(one));
  widest.dispatchEvent(new MouseEvent("click", { bubbles: true }));
  return widest.getBoundingClientRect().top;
}"""
# Both reload there; in the second, fifty messages of two other days come before theirs.
RELOADED, LONG_AGO = "09", "10"


async def main():
    expect.set_options(timeout=DEADLINE * 1000)
    steps = {step.number: step for step in all_steps()}
    names = sys.argv[1:]
    async with chromium() as browser:
        for name in names or [*SCENES, STAGE]:
            if name in (PROFILED, STAGE):
                await (take_profile if name == PROFILED else take_stage)(browser)
                continue
            step = steps.get(name, all_steps()[-1])
            # A Valkey each: the same key has another type in another step.
            with valkey() as server, tempfile.TemporaryDirectory() as folder:
                site = Site(step.path, Path(folder, "copy"), url_of(server))
                await take(browser, site, name, step, server)


async def take_stage(browser):
    """Write the picture of the stage, on which alice has written something."""
    async with stage_page(browser, "04") as instructor:
        await instructor.say("alice", "Hello, bob")
        await instructor.sees("down", "bob", "Hello, bob")
        await instructor.press("ArrowRight")
        await instructor.page.screenshot(path=DOCS / f"{STAGE}.png")


async def take_profile(browser):
    """Write the picture of what a consumer does."""
    with valkey() as server, tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "profile.svg")
        await profile(BEFORE, url_of(server), MEMBERS, 5, file)
        page = await browser.new_page(viewport={"width": WIDTH, "height": 1200})
        await page.goto(file.as_uri())
        top = await page.evaluate(ZOOM, FUNCTION)
        part = {"x": 0, "y": top - ABOVE * ROW, "width": WIDTH}
        part["height"] = (ABOVE + BELOW) * ROW
        await page.screenshot(path=DOCS / f"{PROFILED}.png", clip=part)
        await page.close()


async def take(browser, site, name, step, redis):
    """Play the scene `name` on a copy of a step, and write its picture.

    `redis` is the Valkey that the step uses.
    """
    path, names, *talk = SCENES[name]
    async with contextlib.AsyncExitStack() as stack:
        # The first person has one server, the others have another.
        first_two = names.split()[:2]
        serve = [site.runserver for _ in first_two]
        if name in (STOPPED, RESTARTED, COUNTED):
            serve = [site.deployed]
        if name == NO_BROKER:
            broker = stack.enter_context(rabbitmq())
            variables = {"BROKER": "rabbitmq", "RABBITMQ_URL": broker.url}
            serve = [partial(site.runserver, **variables) for _ in first_two]
        servers = [stack.enter_context(start()) for start in serve]
        people = {}
        for number, somebody in enumerate(names.split()):
            url = servers[min(number, len(servers) - 1)].url
            size = {"width": WIDTHS[number > 0], "height": HEIGHTS.get(name, HEIGHT)}
            look = {"device_scale_factor": SCALE, "color_scheme": COLOURS[number > 0]}
            window = visit(browser, url, viewport=size, **look)
            person = people[somebody] = await stack.enter_async_context(window)
            await person.sign_in(somebody)
            await person.page.goto(url + path)
            if path != COURSE:
                await expect(person.status).to_have_text("Connected")
        seen = dict.fromkeys(people, 0)
        for line in talk:
            author, text = line.split(": ")
            await people[author].say(text)
            # Before the channel layer only the author's own page shows it.
            for reader in people if step.number >= "03" else [author]:
                seen[reader] += 1
                await expect(people[reader].messages).to_have_count(seen[reader])
        if name in KILLED:
            gone, begun = KILLED[name]
            await people[gone].field.fill(begun)
            servers[[*people].index(gone)].process.kill()
            (other,) = people.keys() - {gone}
            await expect(people[other].log).to_contain_text(f"{gone} left")
            await expect(people[gone].status).to_have_text(GONE)
            for text in UNSENT.get(name, ()):
                await people[gone].say(text)
                await expect(people[gone].messages.last).to_contain_text(text)
        if name == AWAY:
            servers[0].process.kill()
            await expect(people["bob"].log).to_contain_text("alice left")
            await people["bob"].say(MEANWHILE)
            await expect(people["bob"].messages.last).to_contain_text(MEANWHILE)
            stack.enter_context(site.runserver(servers[0].port))
            await expect(people["alice"].messages.last).to_contain_text(MEANWHILE)
            await expect(people["bob"].log).to_contain_text("alice joined")
        if name == SIGNED_OUT:
            tab = await people["alice"].page.context.new_page()
            await tab.goto(servers[0].url)
            await tab.get_by_role("button", name="Sign out").click()
            await expect(people["alice"].status).to_contain_text("Sign in")
            await expect(people["bob"].log).to_contain_text("alice left")
        if name == TOO_MANY:
            alice, bob = people["alice"], people["bob"]
            tab = await alice.page.context.new_page()
            await tab.goto(servers[0].url)
            await alice.page.goto("about:blank")
            await expect(bob.log).to_contain_text("alice left")
            await tab.evaluate(OPEN_TWENTY, path)
            await alice.page.goto(servers[0].url + path)
            await expect(alice.status).to_have_text("You have opened or sent too much.")
            await alice.say(WAITING)
            await expect(alice.messages).to_have_count(1)
        if name == NO_REDIS:
            redis.terminate()
            await expect(people["alice"].status).to_contain_text("lost")
            await people["bob"].page.goto(servers[1].url + "/health/")
        if name == NO_BROKER:
            broker.kill()
            await people["bob"].page.goto(servers[1].url + "/health/")
            await expect(people["alice"].log).to_contain_text("bob left")
            await expect(people["alice"].status).to_have_text("Connected")
        if name == STOPPED:
            servers[0].control("stop", "daphne:*")
            await expect(people["alice"].status).to_have_text(GONE)
            await people["alice"].say(PATIENT)
            await people["bob"].page.reload()
            await expect(people["bob"].page.locator("p")).to_contain_text("again")
        if name == RESTARTED:
            alice, bob = people["alice"], people["bob"]
            # Both are on the first server; then only alice is.
            servers[0].control("stop", "daphne:daphne1")
            for person in (alice, bob):
                await person.page.reload()
                await expect(person.status).to_have_text("Connected")
            servers[0].control("start", "daphne:daphne1")
            await bob.page.reload()
            await expect(bob.status).to_have_text("Connected")
            await alice.page.evaluate("Math.random = () => 1")
            servers[0].control("stop", "daphne:daphne0")
            await expect(alice.status).to_have_text("The server is restarting.")
            await alice.say(SURPRISED)
            await expect(bob.log).to_contain_text("alice left")
        if name == COUNTED:
            # In a tab of its own, so that the second person's socket stays open.
            tab = people["bob"].page = await people["bob"].page.context.new_page()
            await tab.goto(f"http://127.0.0.1:{servers[0].metrics_port}/daphne0")
            await tab.evaluate("scrollTo(0, document.body.scrollHeight)")
        if name == LONG_AGO:
            write_long_ago(site)
        if name in (RELOADED, LONG_AGO):
            for person in people.values():
                await person.page.reload()
                await expect(person.messages.last).to_contain_text(text)
        if name == LONG_AGO:
            await people["alice"].log.evaluate("log => { log.scrollTop = 0; }")
        shots = [await p.page.screenshot() for p in list(people.values())[:2]]
    if name == NO_REDIS:
        redis.start()
    await frame(browser, shots, DOCS / f"{name}.png")


def write_long_ago(site):
    """Write fifty messages of two days in January before those of the room."""
    # By the ids of the demo users: alice and teacher.
    said = [(1, "Thank you!"), (4, "The exam is on Friday, in room 12.")]
    rows = [
        (number, *said[number % 2], f"2026-01-0{4 + (number > 4)} 09:{number:02}")
        for number in range(1, 51)
    ]
    with contextlib.closing(sqlite3.connect(site.folder / "db.sqlite3")) as database:
        database.execute("UPDATE chat_message SET number = number + 50")
        database.executemany(
            "INSERT INTO chat_message (room_id, number, user_id, text, time) "
            "SELECT id, ?, ?, ?, ? FROM chat_chatroom",
            rows,
        )
        database.commit()


async def frame(browser, shots, picture):
    """Write `picture`: the screenshots side by side."""
    images = (base64.b64encode(shot).decode() for shot in shots)
    page = await browser.new_page()
    await page.set_content(
        f"<body style='display: inline-flex; gap: {GAP}px; margin: 0; "
        f"padding: {GAP}px; background: #8a9894'>"
        + "".join(f'<img src="data:image/png;base64,{image}">' for image in images)
    )
    await page.locator("body").screenshot(path=picture)
    await page.close()


if __name__ == "__main__":
    asyncio.run(main())
