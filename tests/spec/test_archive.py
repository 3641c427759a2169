"""What was said long ago: fifty messages at a time, and all of them in the admin."""

import json
import re

import pytest

from .test_history import fresh, numbers, say


async def earlier(socket, number):
    """Ask for what was said before a number; return these messages."""
    await socket.send_frame(json.dumps({"before": number}))
    return await socket.read_history()


async def filled(people, count):
    """Return alice's socket to a room in which she has said 1, 2, … up to `count`."""
    alice = await people.enter("alice", next(fresh))
    await alice.read_history()
    await say(alice, *map(str, range(1, count + 1)))
    return alice


@pytest.mark.holds(since="10", can="Ask for earlier messages")
async def test_earlier_messages_come_fifty_at_a_time_the_oldest_first(people):
    alice = await filled(people, 57)
    assert numbers(await earlier(alice, 57)) == list(range(7, 57))
    first = await earlier(alice, 7)
    assert [message["message"] for message in first] == [*"123456"]
    assert await earlier(alice, 1) == []


@pytest.mark.holds(since="10")
async def test_only_the_one_who_asks_receives_earlier_messages(people):
    alice = await people.enter("alice")
    bob = await people.enter("bob")
    for socket in (alice, bob):
        await socket.read_history()
    await say(alice, "hello")
    await bob.hears("hello")
    assert await earlier(alice, 2**31)
    await bob.send_frame('{"before": 1}')
    assert await bob.read_history() == []


@pytest.mark.holds(since="10")
@pytest.mark.parametrize("number", [0, -1, -(10**30)])
async def test_nothing_was_said_before_the_first_message(people, number):
    assert await earlier(await filled(people, 2), number) == []


@pytest.mark.holds(since="10")
@pytest.mark.parametrize("number", [3, 10**18, 10**30])
async def test_all_was_said_before_a_number_that_is_still_to_come(people, number):
    assert numbers(await earlier(await filled(people, 2), number)) == [1, 2]


@pytest.mark.holds(since="10")
@pytest.mark.parametrize("number", ["2", 2.0, True, None, [2], {}, float("nan")])
async def test_a_number_that_is_not_whole_returns_an_error(people, number):
    alice = await filled(people, 2)
    await alice.send_frame(json.dumps({"before": number}))
    answer = await alice.hear()
    assert list(answer) == ["error"], answer
    assert numbers(await earlier(alice, 3)) == [1, 2]


@pytest.mark.holds(since="10")
async def test_a_message_is_said_whatever_else_its_frame_asks_for(people):
    alice = await people.enter("alice", next(fresh))
    await alice.send("hello", before=1)
    await alice.hears("hello")


@pytest.fixture
def admin(visitors):
    """The test client of teacher, who may use the admin."""
    return visitors["teacher"]


@pytest.fixture
async def said(people):
    """A message, as alice has heard it, in a room of its own."""
    alice = await people.enter("alice", next(fresh))
    return (await say(alice, "<b>for the admin</b>"))[0]


LIST = "/admin/chat/message/"


@pytest.mark.holds(since="10", can="Teachers read all messages in the admin")
def test_the_admin_lists_messages_as_text(admin, said):
    page = admin.get(LIST)
    assert page.status_code == 200
    assert "&lt;b&gt;for the admin&lt;/b&gt;" in page.text
    assert "<b>for the admin" not in page.text


def rows(page):
    """Return the texts of the cells of each row of the admin's list."""
    body = page.text.partition("<tbody>")[2].partition("</tbody>")[0]
    cells = [re.findall(r"<t[hd].*?</t[hd]>", row) for row in body.split("<tr>")[1:]]
    return [[re.sub("<.*?>", "", cell) for cell in row] for row in cells]


@pytest.fixture
async def asked(people):
    """A named room, in which alice has asked something after she did in course 1."""
    room = next(fresh)
    for each in (1, room):
        await say(await people.enter("alice", each), "where am I?")
    return f"room_{room}"


@pytest.mark.holds(since="10")
def test_the_admin_lists_the_newest_message_first_with_its_room_and_author(
    admin, asked
):
    newest, before, *_ = rows(admin.get(LIST))
    assert newest == [asked, "1", "alice", newest[3], "where am I?"]
    assert before[0] == "Django by Doing"
    assert before[2:] == ["alice", before[3], "where am I?"]
    assert re.fullmatch(r"\w+\.? \d+, \d{4}, .+", newest[3])


@pytest.mark.holds(since="10")
def test_the_admin_can_show_the_messages_of_one_room(admin, asked):
    page = admin.get(LIST)
    assert {asked, "Django by Doing"} <= {row[0] for row in rows(page)}
    query = re.search(rf'href="(\?[^"]+)">\s*{asked}\s*</a>', page.text)
    assert [row[0] for row in rows(admin.get(LIST + query[1]))] == [asked]


@pytest.mark.holds(since="10")
def test_the_admin_calls_a_message_by_its_text(admin, asked):
    from django.apps import apps

    message = apps.get_model("chat", "message").objects.latest("id")
    page = admin.get(f"{LIST}{message.id}/change/")
    assert "<h2>where am I?</h2>" in page.text


@pytest.mark.holds(since="10")
def test_nobody_can_add_change_or_delete_a_message_in_the_admin(admin, said):
    from django.apps import apps

    message = apps.get_model("chat", "message").objects.latest("id")
    assert admin.get(f"{LIST}{message.id}/change/").status_code == 200
    assert admin.get(f"{LIST}add/").status_code == 403
    assert admin.post(f"{LIST}{message.id}/change/", {"text": "x"}).status_code == 403
    for page in (f"{LIST}{message.id}/delete/", LIST):
        chosen = {"action": "delete_selected", "_selected_action": message.id}
        admin.post(page, {"post": "yes", **chosen})
    message.refresh_from_db()
    assert message.text == "<b>for the admin</b>"


@pytest.mark.holds(since="10")
def test_others_see_nothing_in_the_admin(visitors, said):
    for name in ("alice", "anonymous"):
        assert visitors[name].get(LIST).status_code == 302
    assert visitors["teacher"].get(LIST).status_code == 200


@pytest.mark.holds(since="10")
async def test_a_course_can_be_deleted_in_the_admin_with_its_messages(people, admin):
    from asgiref.sync import sync_to_async
    from django.contrib.auth import get_user_model

    from courses.models import Course

    course = await Course.objects.acreate(id=78, title="Short", overview="Short")
    teacher = await get_user_model().objects.aget(username="teacher")
    await course.students.aadd(teacher)
    socket = await people.enter("teacher", 78)
    await say(socket, "hello")
    await socket.close()
    address = "/admin/courses/course/78/delete/"
    page = await sync_to_async(admin.post)(address, {"post": "yes"})
    assert page.status_code == 302, page.text
    assert not await Course.objects.filter(id=78).aexists()
