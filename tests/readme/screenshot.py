"""The README's picture: `python -m tests.readme.screenshot` takes it anew.

alice, on a wide screen, and bob, on a phone, talk in the last step: a real server, a
real Valkey, a real browser. A third page, without a server, shows both side by side.
"""

import asyncio
import base64
import tempfile
from pathlib import Path

from playwright.async_api import expect

from tests.support.browser import chromium, visit
from tests.support.site import Site
from tests.support.valkey import url_of, valkey
from tutorial.shared.steps import ROOT, all_steps

PICTURE = ROOT / "docs" / "room.png"
TALK = [
    ("alice", "What is a consumer?"),
    ("bob", "One object for one socket, for as long as it is open."),
    ("bob", "<script>alert('and this?')</script>"),
    ("alice", "That is shown as text."),
]


async def main():
    step = all_steps()[-1]
    with tempfile.TemporaryDirectory() as folder, valkey() as server:
        site = Site(step.path, Path(folder, "copy"), url_of(server))
        with site.runserver() as server:
            async with chromium() as browser:
                await take(browser, server.url)


async def take(browser, url):
    """Let the two talk, and write PICTURE."""
    wide, narrow = {"width": 760, "height": 640}, {"width": 360, "height": 640}
    async with (
        visit(browser, url, viewport=wide) as alice,
        visit(browser, url, viewport=narrow, color_scheme="dark") as bob,
    ):
        people = {"alice": alice, "bob": bob}
        for name, person in people.items():
            await person.sign_in(name)
            await person.page.goto(f"{url}/chat/room/1/")
            await expect(person.status).to_have_text("Connected")
        for count, (name, text) in enumerate(TALK, 1):
            await people[name].say(text)
            for person in people.values():
                await expect(person.messages).to_have_count(count)
        shots = [await person.page.screenshot() for person in people.values()]

    page = await browser.new_page(viewport={"width": 1180, "height": 680})
    images = (base64.b64encode(shot).decode() for shot in shots)
    frames = "".join(f'<img src="data:image/png;base64,{image}">' for image in images)
    await page.set_content(
        "<body style='margin: 20px; display: flex; gap: 20px; background: #8a9894'>"
        + frames
    )
    await page.screenshot(path=PICTURE)


if __name__ == "__main__":
    asyncio.run(main())
