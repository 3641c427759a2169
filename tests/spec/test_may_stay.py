"""Who may no longer stay in a room is sent out of it; the others stay."""

import asyncio
import contextlib

import pytest
from asgiref.sync import sync_to_async

from tests.support.frames import joined, left, list_is
from tests.support.people import signed_in

# Some of these are fixtures.
from .test_heartbeat import client, fast, heard_again, pace
from .test_history import gate

__all__ = ["client", "gate", "pace"]
SIGNED_OUT, OFF_THE_COURSE = 4401, 4403


class Pupil:
    """A user of her own, on course 77 of her own, signed in in two browsers."""

    def __init__(self, user, course, clients):
        self.user = user
        self.course = course
        self.clients = clients

    def sign_out(self):
        """Sign out in the first browser."""
        self.clients[0].logout()

    def deactivate(self):
        self.user.is_active = False
        self.user.save()

    def change_password(self):
        """Get another password, as from an administrator."""
        self.user.set_password("other")
        self.user.save()

    def be_deleted(self):
        self.user.delete()

    def be_renamed(self):
        """Have another name, so that the old one may belong to somebody else."""
        self.user.username = "dorothea"
        self.user.save()

    def leave_the_course(self):
        self.user.courses.remove(self.course)

    def leave_all_courses(self):
        self.user.courses.clear()

    def be_taken_off(self):
        self.course.students.remove(self.user)

    def be_left_out(self):
        """Not be among the students when they are set anew, as in the admin."""
        self.course.students.set([])

    def see_the_course_emptied(self):
        self.course.students.clear()

    def see_the_course_deleted(self):
        self.course.delete()


@sync_to_async
def make_pupil():
    from django.contrib.auth import get_user_model

    from courses.models import Course

    user = get_user_model().objects.create(username="dora")
    user.set_password("demo")
    user.save()
    course = Course.objects.create(id=77, title="Short", overview="Short")
    course.students.add(user, *get_user_model().objects.filter(username="bob"))
    return Pupil(user, course, [signed_in("dora"), signed_in("dora")])


@sync_to_async
def remove(pupil):
    with contextlib.suppress(ValueError):  # it has been deleted
        pupil.course.delete()
    with contextlib.suppress(ValueError):
        pupil.user.delete()


@pytest.fixture
async def pupil(people):
    """A Pupil, whom the people know as dora and, in the other browser, dora 2."""
    pupil = await make_pupil()
    people.introduce(dict(zip(["dora", "dora 2"], pupil.clients, strict=True)))
    yield pupil
    await remove(pupil)


async def is_out(socket, code):
    """Fail unless the server closes the socket; wait until nothing serves it.

    While a consumer ends, an event for another one may be lost (channels#1683).
    """
    assert await socket.is_closed() == code
    await socket.close()


async def stays(socket):
    """Fail unless the socket is open, and all events until now have been handled."""
    await socket.is_up_to_date()


ENDS_ALL = ["deactivate", "change_password", "be_deleted", "be_renamed"]
ENDS_COURSE = [
    "leave_the_course",
    "leave_all_courses",
    "be_taken_off",
    "be_left_out",
    "see_the_course_emptied",
    "see_the_course_deleted",
]


@pytest.mark.holds(since="14", can="When you sign out, you are out of the room")
async def test_signing_out_closes_the_sockets_of_this_browser(people, pupil):
    first, second = await people.enter("dora", 77), await people.enter("dora 2", 77)
    named, bob = await people.enter("dora", "kitchen"), await people.enter("bob", 77)
    await sync_to_async(pupil.sign_out)()
    await is_out(first, SIGNED_OUT)
    await is_out(named, SIGNED_OUT)
    await stays(second)
    await stays(bob)


@pytest.mark.holds(since="14")
async def test_signing_in_as_somebody_else_closes_the_sockets_of_this_browser(
    people, pupil
):
    def sign_in_as_somebody_else():
        from django.contrib.auth import get_user_model

        bob = get_user_model().objects.get(username="bob")
        pupil.clients[0].force_login(bob)

    first, second = await people.enter("dora", 77), await people.enter("dora 2", 77)
    await sync_to_async(sign_in_as_somebody_else)()
    await is_out(first, SIGNED_OUT)
    await stays(second)


@pytest.mark.holds(
    since="14", can="A user who is deactivated, deleted or renamed is out of every room"
)
@pytest.mark.parametrize("what", ENDS_ALL)
async def test_a_user_who_is_no_longer_valid_is_out_of_every_room(people, pupil, what):
    sockets = [
        await people.enter(browser, room)
        for browser in ("dora", "dora 2")
        for room in (77, "kitchen")
    ]
    bob = await people.enter("bob", 77)
    await sync_to_async(getattr(pupil, what))()
    for socket in sockets:
        await is_out(socket, SIGNED_OUT)
    await stays(bob)


@pytest.mark.holds(
    since="14", can="A student who is taken off a course is out of its room"
)
@pytest.mark.parametrize("what", ENDS_COURSE)
async def test_a_student_who_is_off_the_course_is_out_of_its_room(people, pupil, what):
    dora, named = await people.enter("dora", 77), await people.enter("dora", "kitchen")
    alice = await people.enter("alice", 1)
    await sync_to_async(getattr(pupil, what))()
    await is_out(dora, OFF_THE_COURSE)
    await stays(named)
    await stays(alice)


@pytest.mark.holds(since="14")
async def test_the_others_see_that_somebody_is_out(people, pupil):
    bob = await people.enter("bob", 77)
    await list_is(bob, ["bob"])
    dora = await people.enter("dora", 77)
    await bob.sees(joined("dora"))
    await sync_to_async(pupil.be_taken_off)()
    assert await dora.is_closed() == OFF_THE_COURSE
    await dora.close()
    await bob.sees(left("dora"))


@pytest.mark.holds(since="14")
async def test_nothing_that_comes_after_the_close_is_said(people, pupil):
    dora, bob = await people.enter("dora", 77), await people.enter("bob", 77)
    await sync_to_async(pupil.sign_out)()
    assert await dora.is_closed() == SIGNED_OUT
    await dora.send("Am I still here?")
    await dora.close()
    await bob.send("no")
    await bob.hears("no")


@pytest.mark.holds(since="14")
async def test_other_changes_send_nobody_out(people, pupil):
    def change():
        pupil.user.first_name = "Dora"
        pupil.user.save()
        pupil.course.students.set(pupil.course.students.all())
        pupil.course.title = "Longer"
        pupil.course.save()
        signed_in("dora")

    dora = await people.enter("dora", 77)
    await sync_to_async(change)()
    await stays(dora)


@pytest.mark.holds(since="14")
async def test_a_change_that_is_rolled_back_sends_nobody_out(people, pupil):
    from django.db import transaction

    def change():
        with contextlib.suppress(ZeroDivisionError), transaction.atomic():
            pupil.deactivate()
            raise ZeroDivisionError

    dora = await people.enter("dora", 77)
    await sync_to_async(change)()
    await stays(dora)


@pytest.mark.holds(since="14")
async def test_nobody_is_asked_to_check_before_a_change_is_committed(
    people, pupil, monkeypatch
):
    from channels.layers import get_channel_layer
    from django.db import transaction

    sent = []

    async def note(*arguments):
        sent.append(arguments)

    def change():
        with transaction.atomic():
            pupil.deactivate()
            return len(sent)

    monkeypatch.setattr(get_channel_layer(), "group_send", note)
    assert await sync_to_async(change)() == 0
    assert len(sent) == 1


@pytest.mark.holds(since="14")
async def test_a_change_is_checked_when_it_is_committed(people, pupil):
    from django.db import transaction

    dora = await people.enter("dora", 77)
    with_transaction = transaction.atomic(pupil.deactivate)
    await sync_to_async(with_transaction)()
    assert await dora.is_closed() == SIGNED_OUT


@pytest.mark.holds(
    since="14", can="After you have changed your own password, you may enter again"
)
async def test_a_browser_that_has_changed_its_password_may_enter_again(people, pupil):
    from django.contrib.auth import update_session_auth_hash
    from django.test import RequestFactory

    def change():
        client = pupil.clients[0]
        request = RequestFactory().post("/")
        request.user, request.session = pupil.user, client.session
        pupil.change_password()
        update_session_auth_hash(request, pupil.user)
        request.session.save()
        client.cookies["sessionid"] = request.session.session_key
        people.introduce({"dora": client})

    first, second = await people.enter("dora", 77), await people.enter("dora 2", 77)
    await sync_to_async(change)()
    for socket in (first, second):
        await is_out(socket, SIGNED_OUT)
    await stays(await people.enter("dora", 77))


@pytest.mark.holds(since="14")
@pytest.mark.parametrize("what", ["sign_out", "be_taken_off"])
async def test_a_change_while_somebody_enters_is_not_overlooked(
    people, pupil, gate, what
):
    is_reached, opened = gate("group_add")

    async def change():
        await is_reached()
        await sync_to_async(getattr(pupil, what))()
        opened.set()

    changing = asyncio.create_task(change())
    dora = await people.enter("dora", 77)
    assert await dora.is_closed() in (SIGNED_OUT, OFF_THE_COURSE)
    await changing


@pytest.mark.holds(since="14")
@fast
async def test_who_may_no_longer_stay_is_out_although_redis_has_forgotten_all(
    people, pupil, client, pace
):
    dora, bob = await people.enter("dora", 77), await people.enter("bob", 77)
    await bob.send("settled")
    for socket in (dora, bob):
        await socket.hears("settled")
    client.flushall()
    await heard_again(bob, dora)
    await sync_to_async(pupil.sign_out)()
    assert await dora.is_closed() == SIGNED_OUT


@pytest.mark.holds(since="14")
async def test_a_site_whose_redis_does_not_answer_can_still_sign_people_out(
    people, pupil, monkeypatch, caplog
):
    from channels.layers import get_channel_layer
    from redis.exceptions import RedisError

    async def fail(*_):
        raise RedisError("gone")

    monkeypatch.setattr(get_channel_layer(), "group_send", fail)
    await sync_to_async(pupil.sign_out)()
    assert await people.knock("/ws/chat/room/77/", cookie="sessionid=x") == "refused"
    assert "gone" in caplog.text


@pytest.mark.holds(since="14")
async def test_a_consumer_leaves_the_group_of_its_user(people, layer):
    alice = await people.enter("alice", 1)
    assert len(layer.groups_of_users()) == 1
    await alice.close()
    assert layer.groups_of_users() == set()
