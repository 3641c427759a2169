"""A room's page whose sockets a test plays, and whose time passes when it says so."""

import json

from playwright.async_api import expect

# Takes the place of the browser's own sockets, and of chance.
FAKES = """
window.played = [];
window.chance = 0.5;
Math.random = () => chance;
window.WebSocket = class extends EventTarget {
  static OPEN = 1;
  readyState = 0;
  sent = [];
  constructor(url) {
    super();
    this.url = url;
    played.push(this);
  }
  send(text) {
    this.sent.push(JSON.parse(text));
  }
  close() {
    this.readyState = 3;
  }
  happen(type, state, data, code) {
    this.readyState = state;
    const event = Object.assign(new MessageEvent(type, { data }), { code });
    this[`on${type}`]?.(event);
    this.dispatchEvent(event);
  }
};
"""


class Played:
    """The page of a Person in room 1; its last socket does what a test calls.

    `answer` is the status of what the server answers to a HEAD request, or None if it
    does not answer; the page waits for `pause` before it asks. Times are seconds.
    """

    def __init__(self, person, pause):
        self.person = person
        self.pause = pause
        self.page = person.page
        self.answer = None
        self.asked = 0  # HEAD requests
        self.again = self.page.get_by_role("button", name="Connect now")
        self.log_headings = person.log.locator("h2")

    async def open(self):
        """Open the page; its socket has just been made."""
        await self.page.add_init_script(FAKES)
        await self.page.route("**/chat/room/1/", self._serve)
        await self.page.clock.install(time=0)
        await self.page.clock.pause_at(3600)
        await self.page.goto(f"{self.person.url}/chat/room/1/")
        await self.page.wait_for_function("played.length === 1")

    async def _serve(self, route):
        if route.request.method != "HEAD":
            await route.continue_()
            return
        self.asked += 1
        if self.answer is None:
            await route.abort()
        else:
            await route.fulfill(status=self.answer)

    async def happens(self, *what):
        """Let something happen to the last socket: type, state, data and code."""
        await self.page.evaluate("what => played.at(-1).happen(...what)", what)

    async def accept(self, *frames):
        """Accept the socket, and send it these frames."""
        await self.happens("open", 1)
        await expect(self.person.status).to_have_text("Connected")
        for frame in frames:
            await self.send(frame)

    async def send(self, frame):
        """Send the page a frame."""
        await self.happens("message", 1, json.dumps(frame))

    async def close(self, code=1006):
        """Close the socket, which had been accepted."""
        await self.happens("close", 3, None, code)

    async def fail(self, code=1006):
        """Close the socket, so that the page asks for itself; wait for the answer.

        It has not been accepted, or it is closed with a code that means a refusal.
        """
        async with self.page.expect_event(
            "response" if self.answer else "requestfailed"
        ):
            await self.happens("close", 3, None, code)
            if self.pause:
                await self.passes(self.pause)

    async def comes_back(self, *messages):
        """Lose the connection, connect again, and receive these as a history."""
        await self.close()
        await self.again.click()
        await self.accept(history(*messages))

    async def sockets(self):
        """Return how many sockets the page has made."""
        return await self.page.evaluate("played.length")

    async def sent(self):
        """Return the frames that the last socket was given, decoded."""
        return await self.page.evaluate("played.at(-1).sent")

    async def passes(self, seconds):
        """Let time pass."""
        await self.page.clock.run_for(round(1000 * seconds))


def history(*messages):
    """Return the frame with what was said before, to alice."""
    return {"type": "chat.history", "user": "alice", "messages": messages}
