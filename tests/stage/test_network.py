"""Somebody on the stage goes offline and comes back: real pages, server and Valkey."""

import asyncio

import pytest
from playwright.async_api import expect

from tests.support.deadline import DEADLINE

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
    await expect(instructor.log("bob")).not_to_contain_text("Are you there?")
    await expect(instructor.drawn("gone", "alice")).to_have_count(0)
    await instructor.press("o")
    await instructor.sees("network", "bob", "is online again")
    await instructor.both_are_connected()
    await expect(instructor.log("bob")).to_contain_text("Are you there?")
    await expect(instructor.log("alice")).to_contain_text("I was away.")


async def reload_bob(instructor):
    pane = instructor.page.locator(".pane[data-person=bob]")
    await pane.get_by_role("button", name="Reload").click()


async def clear(instructor):
    await instructor.press("r")


async def go_away_and_come_back(instructor):
    """Show another step, and come back."""
    await instructor.go_to("04")
    await instructor.page.locator("#steps button", has_text="05").click()


async def reload_the_stage(instructor):
    await instructor.page.reload()


@pytest.mark.parametrize(
    "load", [reload_bob, clear, go_away_and_come_back, reload_the_stage]
)
async def test_a_page_that_cannot_be_loaded_is_loaded_when_bob_is_online_again(
    instructor, load
):
    await instructor.go_to("05")
    await bob_goes_offline(instructor)
    await load(instructor)
    await expect(instructor.log("bob")).to_have_count(0)
    button = instructor.page.locator("[data-key=o]")
    await expect(button).to_have_text("bob is offline (O)")
    await instructor.press("o")
    await expect(button).to_have_text("bob's network (O)")
    await instructor.both_are_connected()


async def test_whoever_was_offline_when_the_server_restarts_has_a_page_again(prompter):
    await prompter.tell("network", port=8102, on=False)
    await expect(prompter.page.locator("[data-key=o]")).to_contain_text("is offline")
    asked = asyncio.Queue()
    prompter.page.on("request", lambda request: asked.put_nowait(request.url))
    await reload_bob(prompter)
    assert await asyncio.wait_for(asked.get(), DEADLINE) == "http://bob.test:8102/"
    await prompter.tell("saved")
    await prompter.tell("ready")
    assert await asyncio.wait_for(asked.get(), DEADLINE) == "http://bob.test:8102/"
    await expect(prompter.page.locator("[data-key=o]")).to_contain_text("network")
