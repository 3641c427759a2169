"""Somebody on the stage goes offline and comes back: real pages, server and Valkey."""

import pytest
from playwright.async_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
LOST = "The connection is lost."


async def bob_goes_offline(instructor):
    await instructor.press("o")
    await instructor.sees("network", "bob", "is offline")
    await expect(instructor.lamp("bob")).to_have_count(0)


async def test_what_was_said_while_bob_was_offline_arrives_when_he_is_back(instructor):
    await instructor.go_to("13")
    await bob_goes_offline(instructor)
    status = instructor.pane("bob").get_by_role("status")
    await expect(status).to_contain_text(LOST)
    await instructor.say("alice", "Are you there?")
    await instructor.say("bob", "I was away.")
    await expect(instructor.log("alice")).to_contain_text("Are you there?")
    await expect(instructor.lamp("alice")).to_be_visible()
    await expect(instructor.log("bob")).not_to_contain_text("Are you there?")
    await instructor.press("o")
    await instructor.sees("network", "bob", "is online again")
    await instructor.both_are_connected()
    await expect(instructor.log("bob")).to_contain_text("Are you there?")
    await expect(instructor.log("alice")).to_contain_text("I was away.")


async def test_a_page_that_is_reloaded_offline_is_there_when_its_reader_is_online(
    instructor,
):
    await instructor.go_to("05")
    await bob_goes_offline(instructor)
    await instructor.page.get_by_role("button", name="Reload").last.click()
    await expect(instructor.log("bob")).to_have_count(0)
    await instructor.press("o")
    await instructor.both_are_connected()


@pytest.mark.parametrize("key", ["r", "]"])
async def test_who_is_offline_comes_back_with_another_step_or_when_all_is_cleared(
    instructor, key
):
    await instructor.go_to("05")
    await bob_goes_offline(instructor)
    await instructor.press(key)
    await instructor.both_are_connected()
    await instructor.go_to("05")
