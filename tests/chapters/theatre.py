"""What people do and see in their browsers: the lines of a `browser` block.

alice opens /chat/room/1/       signs in, if she has not yet
alice clicks Chat room          a link or a button; a count may follow, as in "Go (3)"
alice clicks Active             or a checkbox, which is then the opposite
alice writes Hello              into the field Message
alice types Hello               the same, then Enter
alice fills in Room name: tea   a field by its label
alice sees Hello                somewhere on her page
alice sees Hello within 30 s    the same, where it takes long
alice sees Hello 3 times        in so many lines of the log
alice does not see Hello        for half a second after what the lines above have shown
alice is answered 101           the status of her socket's handshake
alice sends {"message":"Hi"}    the next frame that her page sends, but a heartbeat ...
alice gets {"message": "Hi"}    ... and receives
alice reloads                   without her browser's cache
alice leaves                    closes the page
alice signs out in another tab  by the button on the front page; the first tab stays
nobody opens /chat/room/1/      somebody who does not sign in
"""

import asyncio
import re
import time
from contextlib import AsyncExitStack

from playwright.async_api import expect

from tests.support.browser import visit
from tests.support.deadline import DEADLINE

from .compare import same
from .terminal import Mismatch

expect.set_options(timeout=DEADLINE * 1000)
LINE = re.compile(
    r"(?P<name>\w+)\s+(?P<verb>opens|clicks|writes|types|fills in|sees|does not see"
    r"|is answered|sends|gets|reloads|leaves|signs out in another tab)"
    r"(?: (?P<what>.+?))?"
    r"(?: (?P<times>\d+) times?)?(?: within (?P<seconds>\d+) s)?"
)

# What a page sends every five seconds, from chapter 12 on: before or after any frame.
HEARTBEAT = re.compile(r'{"after":\d+}')

# Seconds for which a person looks for what should not be there: what was sent before
# may still be on its way. All chapters together have some forty such lines.
LOOK, BLINK = 0.5, 0.1

# A person types more slowly than a handshake takes.
HANDSHAKE_IS_OVER = """
    typeof socket === "undefined" || socket.readyState || await new Promise((over) => {
      socket.addEventListener("open", over);
      socket.addEventListener("close", over);
    })
"""


class Actor:
    """Somebody with a browser of his own, and what went over his page's sockets."""

    def __init__(self, name, person):
        self.name = name
        self.page = person.page
        self.person = person
        self.answers, self.sent, self.got, self.printed = (
            asyncio.Queue() for _ in range(4)
        )
        self.sockets = set()
        self.page.on("console", lambda said: self.printed.put_nowait(said.text))

    async def listen(self):
        """Note what the network panel shows of the sockets of the page as it is now."""
        self.devtools = await self.page.context.new_cdp_session(self.page)
        await self.devtools.send("Page.enable")
        await self.devtools.send("Network.enable")
        self.devtools.on("Page.frameNavigated", self._begin_again)
        for event, note in (
            ("Created", lambda e: self.sockets.add(e["requestId"])),
            ("HandshakeResponseReceived", self._note_answer),
            ("FrameError", self._note_error),
            ("FrameSent", lambda e: self._note_frame(self.sent, e)),
            ("FrameReceived", lambda e: self._note_frame(self.got, e)),
        ):
            self.devtools.on(f"Network.webSocket{event}", note)

    def _begin_again(self, _):
        """Forget the sockets of the page before, which may still have been in use."""
        self.sockets.clear()
        self.forget(self.answers, self.sent, self.got)

    def _note_answer(self, event):
        if event["requestId"] in self.sockets:
            self.answers.put_nowait(str(event["response"]["status"]))

    def _note_error(self, event):
        """Note the status of a refusal: Chromium tells it as an error."""
        match = re.search(r"response code: (\d+)", event["errorMessage"])
        if match and event["requestId"] in self.sockets:
            self.answers.put_nowait(match[1])

    def _note_frame(self, queue, event):
        """Note the text of a frame, and bytes as Chromium shows them."""
        if event["requestId"] in self.sockets:
            queue.put_nowait(event["response"]["payloadData"])

    def forget(self, *queues):
        """Drop what is in these queues."""
        for queue in queues:
            while not queue.empty():
                queue.get_nowait()

    async def opens(self, url):
        await self.page.goto(url)
        field = self.page.get_by_label("Username")
        if self.name != "nobody" and await field.count():
            await field.fill(self.name)
            await self.page.get_by_label("Password").fill("demo")
            async with self.page.expect_navigation():
                await self.page.get_by_role("button", name="Sign in").click()

    async def clicks(self, text):
        name = re.compile(rf"^{re.escape(text)}( \(\d+\))?$")
        link, button, box = (
            self.page.get_by_role(role, name=name)
            for role in ("link", "button", "checkbox")
        )
        await link.or_(button).or_(box).click()

    async def writes(self, text):
        await self.person.field.fill(text)

    async def types(self, text):
        await expect(self.person.button).to_be_enabled()
        await self.person.say(text)

    async def fills_in(self, what):
        label, _, text = what.partition(": ")
        await self.page.get_by_label(label).fill(text)

    async def sees(self, text, times=None, seconds=DEADLINE):
        limit = 1000 * max(int(seconds), DEADLINE)
        if times is None:
            await expect(self.page.locator("body")).to_contain_text(text, timeout=limit)
        else:
            said = self.person.log.locator("p").filter(has_text=text)
            await expect(said).to_have_count(int(times), timeout=limit)

    async def does_not_see(self, text):
        end = time.monotonic() + LOOK
        while time.monotonic() < end:
            seen = await self.page.locator("body").inner_text()
            assert text not in seen, f"{text} is there"
            await asyncio.sleep(BLINK)

    async def is_answered(self, status):
        seen = await asyncio.wait_for(self.answers.get(), DEADLINE)
        assert seen == status, f"answered {seen}"

    async def sends(self, frame):
        await self._next_frame(self.sent, frame)

    async def gets(self, frame):
        await self._next_frame(self.got, frame)

    async def _next_frame(self, queue, frame):
        seen = await asyncio.wait_for(queue.get(), DEADLINE)
        while HEARTBEAT.fullmatch(seen) and not HEARTBEAT.fullmatch(frame):
            seen = await asyncio.wait_for(queue.get(), DEADLINE)
        assert same(frame, seen), seen

    async def reloads(self):
        await self.page.reload()

    async def leaves(self):
        await self.page.goto("about:blank")

    async def signs_out_in_another_tab(self):
        tab = await self.page.context.new_page()
        await tab.goto(await self.page.evaluate("location.origin"))
        async with tab.expect_navigation():
            await tab.get_by_role("button", name="Sign out").click()
        await tab.close()

    async def type_in_console(self, source):
        """Type one line into the console of the page; return an error's text."""
        done = await self.devtools.send(
            "Runtime.evaluate",
            {"expression": source, "replMode": True, "awaitPromise": True},
        )
        await self.devtools.send(
            "Runtime.evaluate",
            {"expression": HANDSHAKE_IS_OVER, "replMode": True, "awaitPromise": True},
        )
        if "exceptionDetails" in done:
            return done["exceptionDetails"]["exception"]["description"]


class Theatre:
    """All Actors of a chapter."""

    def __init__(self, browser, url, translated, shown):
        self._browser, self._url = browser, url
        self._translated, self._shown = translated, shown
        self._stack = AsyncExitStack()
        self._actors = {}
        self._last = None

    async def leave(self):
        """Close all browsers."""
        await self._stack.aclose()

    async def _actor(self, name):
        if name not in self._actors:
            visited = visit(self._browser, "about:blank")
            person = await self._stack.enter_async_context(visited)
            self._actors[name] = Actor(name, person)
            await self._actors[name].listen()
        return self._actors[name]

    async def play(self, block):
        """Do what the lines of a `browser` block say."""
        for actor in self._actors.values():
            actor.forget(actor.sent, actor.got)
        for line in block.text.splitlines():
            match = LINE.fullmatch(line.strip())
            if match is None:
                raise Mismatch(block, line, "no line that can be played")
            self._last = actor = await self._actor(match["name"])
            what = match["what"] and self._translated(match["what"])
            if match["verb"] == "opens" and what.startswith("/"):
                what = self._url + what
            options = {key: match[key] for key in ("times", "seconds") if match[key]}
            arguments = [what] if what else []
            try:
                act = getattr(actor, match["verb"].replace(" ", "_"))
                await act(*arguments, **options)
            except (AssertionError, TimeoutError) as error:
                page = await actor.page.locator("body").inner_text()
                reason = str(error).splitlines()[0] if str(error) else "nothing came"
                seen = self._shown(f"{reason}\nThe page of {actor.name}:\n{page}")
                raise Mismatch(block, line, seen) from None

    async def type_in_console(self, block):
        """Type the `> ` lines in the console of who acted last; compare the others."""
        actor = self._last
        actor.forget(actor.printed)
        for line in block.text.splitlines():
            if line.startswith("> "):
                typing = actor.type_in_console(self._translated(line[2:]))
                try:
                    seen = await asyncio.wait_for(typing, 2 * DEADLINE)
                except TimeoutError:
                    raise Mismatch(block, line, "(no end)") from None
                if seen:
                    actor.printed.put_nowait(seen)
            else:
                try:
                    seen = await asyncio.wait_for(actor.printed.get(), DEADLINE)
                except TimeoutError:
                    seen = "(nothing)"
                if not same(line, self._shown(seen)):
                    raise Mismatch(block, line, self._shown(seen))
