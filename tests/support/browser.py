"""A real browser: Chromium of the system, or Playwright's own."""

import contextlib
import os
import re
import shutil
import sys
from pathlib import Path

import pytest
from playwright.async_api import Error, async_playwright, expect

from .deadline import DEADLINE

HOW_TO_INSTALL = (
    "no Chromium: install it by your system's packages, "
    "or by .venv/bin/playwright install chromium"
)
# The first is the same browser without a window, at a third of the cost.
BROWSERS = ("chromium-headless-shell", "chromium", "google-chrome")
# Where screenshots are kept, outside git.
ARTEFACTS = "artefacts"
# What a page says that has lost its socket: up to step 10, and since.
GONE = re.compile("Closed|The connection is lost")
# What a page says whose user may not come back: from step 11 on, and since step 14.
REFUSED = re.compile("You cannot enter|You are no longer")
# A text that would complain if it were shown as HTML.
SCRIPT = "<img src=x onerror=\"alert('img')\"><script>alert('script')</script>"
# What Chromium would otherwise draw with, and look up in the network on its own.
QUIET = [
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
]


@contextlib.asynccontextmanager
async def chromium():
    """Yield a running headless Browser.

    Without one the test is skipped, or, with CI set, fails; both say how to get one.
    """
    system = next(filter(None, map(shutil.which, BROWSERS)), None)
    # Chromium's sandbox does not run as root, as in most CI machines.
    arguments = QUIET + (["--no-sandbox"] if os.geteuid() == 0 else [])
    async with async_playwright() as playwright:
        try:
            browser = await playwright.chromium.launch(
                executable_path=system, args=arguments
            )
        except Error as error:
            (pytest.fail if os.environ.get("CI") else pytest.skip)(
                HOW_TO_INSTALL
                if "Executable doesn't exist" in str(error)
                else str(error)
            )
        try:
            yield browser
        finally:
            await browser.close()


def from_npm(name):
    """Return the path of a script that `make test` has fetched from npm.

    Without it the test is skipped, or, with CI set, fails; both say how to get it.
    """
    path = Path(sys.prefix) / name
    if not path.exists():
        say = pytest.fail if os.environ.get("CI") else pytest.skip
        say(f"no {name}: install npm, remove .venv/npm.done, and run make test")
    return path


class Person:
    """Somebody with a browser of his own: a `page`, and what its console has said.

    `complaints` are the errors of the page's scripts and of its console.
    """

    def __init__(self, page, url):
        self.page = page
        self.url = url
        self.complaints = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._note)
        page.on("dialog", self._refuse_dialog)
        self.log = page.get_by_role("log")
        # Who has come and gone is told in the log, too, from step 07 on.
        self.messages = self.log.locator("p:not(.notice)")
        self.status = page.get_by_role("status")
        self.alert = page.get_by_role("alert")
        self.field = page.get_by_label("Message", exact=True)
        self.button = page.get_by_role("button", name="Send")

    def _note(self, message):
        # A heartbeat may fall between the server's close and the event that tells it.
        late = "already in CLOSING or CLOSED" in message.text
        if message.type == "error" and not late:
            self.complaints.append(message.text)

    async def _refuse_dialog(self, dialog):
        self.complaints.append(f"a dialog: {dialog.message}")
        await dialog.dismiss()

    async def sign_in(self, name):
        """Sign the demo user in through the form."""
        await self.page.get_by_label("Username").fill(name)
        await self.page.get_by_label("Password").fill("demo")
        await self.page.get_by_role("button", name="Sign in").click()
        await self.page.wait_for_url(f"{self.url}/")

    async def say(self, text):
        """Type a message and press Enter."""
        await self.field.fill(text)
        await self.field.press("Enter")

    async def sends_nothing_any_more(self):
        """Wait until no text is on its way; since 13, its line is drawn anew then."""
        await expect(self.log).not_to_contain_text("sending …")

    async def from_end(self):
        """Return how much of the log is below what one sees, in pixels."""
        below = "log => log.scrollHeight - log.scrollTop - log.clientHeight"
        return round(await self.log.evaluate(below))


@contextlib.asynccontextmanager
async def visit(browser, url, start="", **options):
    """Yield a Person in a browser context of his own, on the site's front page.

    `start` is another page to begin with; `options` are those of Playwright's
    new_context, such as `storage_state`.
    """
    # The certificate of step 17 is one that no browser knows; and the days are those of
    # the chapters everywhere.
    context = await browser.new_context(
        ignore_https_errors=True, timezone_id="UTC", **options
    )
    try:
        context.set_default_timeout(DEADLINE * 1000)
        somebody = Person(await context.new_page(), url)
        await somebody.page.goto(start or url)
        yield somebody
    finally:
        await context.close()
