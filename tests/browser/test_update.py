"""A page whose server restarts, in a real browser."""

import pytest
from playwright.async_api import expect

from tests.support.deadline import DEADLINE

from .played import history

# One event loop for all: the browser is started once.
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
expect.set_options(timeout=DEADLINE * 1000)


@pytest.mark.holds(since="18", can="The page says that its server is restarting")
async def test_a_page_says_that_its_server_is_restarting_and_comes_back(played):
    await played.close(4012)
    await expect(played.person.status).to_have_text("The server is restarting.")
    await expect(played.again).to_be_visible()
    await played.passes(6)
    assert await played.sockets() == 2
    await played.accept(history())
