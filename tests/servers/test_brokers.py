"""What carries the events: a Redis with a password, several, pub/sub, RabbitMQ."""

import asyncio
import contextlib
import json
import re
import urllib.error

import pytest
import redis

from tests.support.deadline import DEADLINE, until
from tests.support.rabbitmq import rabbitmq
from tests.support.real_sockets import enter, refusal
from tests.support.redis_tls import PASSWORD, redis_with_tls
from tests.support.spec_run import run_spec, spec_at_first
from tests.support.valkey import url_of, valkey
from tutorial.shared.steps import all_steps

pytestmark = [pytest.mark.server, pytest.mark.waiting]

ROOMS = [f"room-{number}" for number in range(12)]
# Channels 4.3 has new names for what channels-rabbitmq 4.0.1 calls.
OLD_NAMES = [
    f"ignore:valid_{kind}_name is deprecated:DeprecationWarning"
    for kind in ("channel", "group")
]
# It leaves its connection open when an event loop ends: each test has one of its own.
LEFT_OPEN = [
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
]


@pytest.fixture(scope="module")
def broker():
    """A running RabbitMQ."""
    with rabbitmq() as server:
        yield server


def on_rabbitmq(broker):
    """Return the variables with which RabbitMQ carries the events."""
    return {"BROKER": "rabbitmq", "RABBITMQ_URL": broker.url}


@contextlib.asynccontextmanager
async def in_room(server, *names, room=1):
    """Yield the sockets of these people, who are all in a room."""
    async with contextlib.AsyncExitStack() as leaving:
        sockets = []
        for name in names:
            cookie = await asyncio.to_thread(server.sign_in, name)
            sockets.append(await enter(server, cookie, room))
            await sockets[-1].read_history()
            leaving.push_async_callback(sockets[-1].close)
        yield sockets


async def they_hear(speaker, listener, text):
    await speaker.send(text)
    assert (await listener.hear())["message"] == text


def health(server):
    """Return (status, what is in the health page)."""
    try:
        with server.open("/health/") as page:
            return page.status, json.loads(page.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def well(**others):
    return {"database": "ok", "redis": "ok", "broker": "ok", **others}


def until_health(server, *expected):
    """Return when the health page is like that: it waits two seconds for each part."""
    until(lambda: health(server) == expected)


SILENT = "does not answer"


@pytest.mark.holds(since="19", can="Redis wants a password and speaks TLS")
async def test_the_chat_works_over_tls_with_a_password(site):
    with redis_with_tls() as (url, authority, _):
        address = f"{url}?ssl_ca_certs={authority}"
        with site.daphne(REDIS_URL=address) as server:
            until_health(server, 200, well())
            async with in_room(server, "alice", "bob") as (alice, bob):
                await they_hear(alice, bob, "Who else can read this?")


@pytest.mark.holds(since="19")
async def test_a_wrong_authority_or_password_is_refused(site):
    with redis_with_tls() as (url, authority, other):
        for address, reason in (
            (f"{url}?ssl_ca_certs={other}", "certificate verify failed"),
            (url, "certificate verify failed"),
            (
                f"{url.replace(PASSWORD, 'wrong')}?ssl_ca_certs={authority}",
                "AuthenticationError",
            ),
        ):
            with site.daphne(REDIS_URL=address) as server:
                expected = well(redis=SILENT, broker=SILENT)
                until_health(server, 503, expected)
                server.wait_for_line(reason)
                cookie = await asyncio.to_thread(server.sign_in, "alice")
                assert await refusal(server, cookie) == 403


@pytest.mark.holds(since="19", can="Several Redis share the rooms")
async def test_the_groups_are_spread_over_two_redis_and_the_lists_are_on_the_first(
    site,
):
    with valkey() as first, valkey() as second:
        urls = [url_of(it) for it in (first, second)]
        with site.daphne(REDIS_URL=" ".join(urls)) as server:
            async with contextlib.AsyncExitStack() as leaving:
                for room in ROOMS:
                    entered = in_room(server, "alice", "bob", room=room)
                    alice, bob = await leaving.enter_async_context(entered)
                    await they_hear(alice, bob, f"This is {room}")
                one, other = (keys_of(url) for url in urls)
        groups = {f"asgi:group:room_{room}" for room in ROOMS}
        assert groups & one
        assert groups & other
        assert groups <= one | other
        assert not groups & one & other
        lists = {f"asgi:presence:room_{room}" for room in ROOMS}
        assert lists <= one
        assert not lists & other


# Whatever is sent to a new channel arrives there.
SEND = """
import asyncio
from channels.layers import get_channel_layer

async def main():
    layer = get_channel_layer()
    for number in range(20):
        channel = await layer.new_channel()
        await layer.send(channel, {"type": "test", "number": number})
        async with asyncio.timeout(5):
            assert (await layer.receive(channel))["number"] == number

asyncio.run(main())
"""


@pytest.mark.holds(since="19", can="With several Redis, no event is lost")
def test_what_is_sent_to_a_single_channel_arrives_with_two_redis(site):
    command = ["manage.py", "shell", "-v", "0", "-c", SEND]
    with valkey() as first, valkey() as second:
        urls = f"{url_of(first)} {url_of(second)}"
        status, said = site.run(*command, REDIS_URL=urls)
    assert status == 0, said


@pytest.mark.holds(since="19", can="The health page says when Redis is full")
def test_the_health_page_says_that_redis_is_full(site):
    with valkey() as server, site.daphne(REDIS_URL=url_of(server)) as daphne:
        until_health(daphne, 200, well())
        with redis.Redis.from_url(url_of(server)) as client:
            client.config_set("maxmemory", 1)
        until_health(daphne, 503, well(redis=SILENT))
        daphne.wait_for_line("The redis does not answer: OutOfMemoryError")


def keys_of(url):
    """Return the names of all that is in a Redis."""
    with redis.Redis.from_url(url, decode_responses=True) as client:
        return set(client.scan_iter())


@pytest.mark.holds(since="19", can="With pub/sub, sockets survive a restart of Redis")
async def test_with_pubsub_a_room_goes_on_after_redis_was_killed(site, project):
    with valkey() as server_of_events:
        variables = {"BROKER": "pubsub", "REDIS_URL": url_of(server_of_events)}
        with site.daphne(**variables) as server:
            names = ("alice", "bob", "teacher")
            async with in_room(server, *names, room="restart") as people:
                alice, bob, teacher = people
                await they_hear(alice, bob, "before")
                server_of_events.terminate()
                # Whoever sends something meanwhile is closed; the others are not.
                await teacher.send("meanwhile")
                assert await teacher.until_closed() == 1000
                server_of_events.start()
                texts = await heard_until(alice, bob, "after")
            # What was not delivered is in the database.
            cookie = await sign_in(server, "teacher")
            teacher = await enter(server, cookie, "restart")
            saved = [it["message"] for it in await teacher.read_history()]
            await teacher.close()
    assert [text for text in saved if text != "after"] == ["before", "meanwhile"]
    assert set(texts) == {"after"}


async def heard_until(speaker, listener, text):
    """Let the speaker write a text until the listener hears it; return what they hear.

    Both sockets stay open all the time: a closed one would raise.
    """
    texts = []
    async with asyncio.timeout(DEADLINE):
        while text not in texts:
            await speaker.send(text)
            with contextlib.suppress(TimeoutError):
                texts.append((await listener.hear(within=1)).get("message"))
    return texts


@pytest.mark.holds(since="19", can="RabbitMQ carries the events between servers")
async def test_with_rabbitmq_two_servers_are_one_chat(site, broker):
    variables = on_rabbitmq(broker)
    with site.daphne(**variables) as one, site.daphne(**variables) as other:
        # Before any socket: signing in saves the user, which sends an event.
        async with (
            in_room(one, "alice", room="rabbit") as (alice,),
            in_room(other, "bob", room="rabbit") as (bob,),
        ):
            await they_hear(alice, bob, "Hello from one")
            await they_hear(bob, bob, "Hello from the other")
        until_health(one, 200, well())


@contextlib.asynccontextmanager
async def away(broker, server):
    """Keep RabbitMQ away during the block, which begins when the server misses it."""
    start = len(server.lines)
    await asyncio.to_thread(broker.kill)
    try:
        server.wait_for_line("Failure connecting to RabbitMQ", start)
        yield
    finally:
        await asyncio.to_thread(broker.start)


@pytest.mark.holds(since="19")
async def test_an_event_waits_until_rabbitmq_is_back(site, broker):
    with site.daphne(**on_rabbitmq(broker)) as server:
        async with in_room(server, "alice", "bob", room="back") as (alice, bob):
            await they_hear(alice, bob, "before")
            async with away(broker, server):
                await alice.send("meanwhile")
                until_health(server, 503, well(broker=SILENT))
            # The memberships are bound again, and both sockets have stayed open.
            assert (await bob.hear())["message"] == "meanwhile"
            await they_hear(bob, bob, "after")
            heard = [(await alice.hear())["message"] for _ in range(3)]
            assert heard == ["before", "meanwhile", "after"]


@pytest.mark.holds(since="19")
async def test_a_page_that_gives_up_does_not_keep_rabbitmq_from_coming_back(
    site, broker
):
    options = "--application-close-timeout", "1"
    with site.daphne(*options, **on_rabbitmq(broker)) as server:
        async with in_room(server, "alice", "bob", room="gone") as (alice, bob):
            await they_hear(alice, bob, "before")
            async with away(broker, server):
                await bob.send("meanwhile")
                await bob.close()
                # His consumer is cancelled while it waits for RabbitMQ.
                server.wait_for_line("/ws/chat/gone/'> took too long to shut down")
                until_health(server, 503, well(broker=SILENT))
            assert (await alice.hear())["message"] == "before"
            await they_hear(alice, alice, "after")
            async with in_room(server, "bob", room="gone") as (bob,):
                await they_hear(bob, bob, "I am back")


@pytest.mark.holds(since="19", can="You can sign in while RabbitMQ is away")
async def test_whoever_signs_in_does_not_wait_for_rabbitmq(site, broker):
    with site.daphne(**on_rabbitmq(broker)) as server:
        async with in_room(server, "alice", room="quiet") as (alice,):
            await they_hear(alice, alice, "before")
            async with away(broker, server):
                start = len(server.lines)
                assert await asyncio.to_thread(server.sign_in, "carol")
                server.wait_for_line("TimeoutError", start)
            await they_hear(alice, alice, "after")


# Each of the two changes sends an event to its own user.
REMOVE = """
from django.contrib.auth.models import User
for name in ("alice", "bob"):
    User.objects.get(username=name).courses.clear()
"""
LOOP = "RuntimeError: The caller tried using channels_rabbitmq on a different event"


@pytest.mark.holds(since="19")
@pytest.mark.parametrize("carried_by", ["redis", "rabbitmq"])
async def test_a_command_tells_the_sockets_of_one_change_only_with_rabbitmq(
    site, broker, carried_by, course
):
    variables = on_rabbitmq(broker) | {"BROKER": carried_by}
    with site.daphne(**variables) as server:
        async with in_room(server, "alice", "bob") as (alice, bob):
            command = ["manage.py", "shell", "-v", "0", "-c", REMOVE]
            status, said = await asyncio.to_thread(site.run, *command, **variables)
            assert status == 0, said
            assert await alice.until_closed() == 4403
            if carried_by == "redis":
                assert await bob.until_closed() == 4403
                assert LOOP not in said
            else:
                assert LOOP in said
                await they_hear(bob, bob, "I am still here")
                assert await refusal(server, await sign_in(server, "bob")) == 403


# One of two members reads nothing, until no more events fit into the process.
READ_ALONE = """
import asyncio
from channels.layers import get_channel_layer
from django.conf import settings

config = settings.CHANNEL_LAYERS["default"]["CONFIG"]
# A minute and two thousand events would take too long here.
config["local_expiry"] /= 60
config["local_capacity"] = 5

async def main():
    layer = get_channel_layer()
    members = [await layer.new_channel() for _ in range(2)]
    for member in members:
        await layer.group_add("test", member)

    async def read():
        return [(await layer.receive(members[0]))["number"] for _ in range(12)]

    async with asyncio.timeout(20):
        # Reading all the time: what waits longer than local_expiry is dropped.
        reading = asyncio.create_task(read())
        for number in range(12):
            await layer.group_send("test", {"type": "test", "number": number})
        assert await reading == list(range(12))

asyncio.run(main())
"""


@pytest.mark.holds(since="19", can="With RabbitMQ, nobody waits for a silent reader")
def test_with_rabbitmq_a_member_that_reads_nothing_stops_no_other(site, broker):
    command = ["manage.py", "shell", "-v", "0", "-c", READ_ALONE]
    status, said = site.run(*command, **on_rabbitmq(broker))
    assert status == 0, said


@pytest.mark.holds(since="19")
async def test_who_is_taken_off_a_course_in_the_admin_is_out_also_with_rabbitmq(
    site, broker, course
):
    with site.daphne(**on_rabbitmq(broker)) as server:
        async with in_room(server, "alice", "bob") as (alice, bob):
            cookie = await sign_in(server, "teacher")
            await asyncio.to_thread(empty_course, server, cookie)
            assert await alice.until_closed() == 4403
            assert await bob.until_closed() == 4403


async def sign_in(server, name):
    return await asyncio.to_thread(server.sign_in, name)


def empty_course(server, cookie):
    """Save the form of course 1 in the admin without students."""
    path = "/admin/courses/course/1/change/"
    page = server.open(path, Cookie=cookie).read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]
    fields = {"csrfmiddlewaretoken": token, "title": "1", "overview": "-"}
    with server.open(path, fields, Cookie=cookie) as answer:
        assert answer.url == f"{server.url}/admin/courses/course/"


@pytest.mark.holds(since="19")
@pytest.mark.parametrize("carried_by", ["pubsub", "rabbitmq"])
def test_the_step_can_do_the_same_with_another_broker(
    step, project, request, carried_by
):
    if step.number not in ("19", all_steps()[-1].number):
        pytest.skip("The first step with other brokers and the last one are enough.")
    files = spec_at_first(step, "rooms", "presence", "may_stay", "load")
    options = ["-q", "-x", "--tb=short", *files]
    variables = {"BROKER": carried_by}
    if carried_by == "rabbitmq":
        variables |= on_rabbitmq(request.getfixturevalue("broker"))
        options += [word for it in OLD_NAMES + LEFT_OPEN for word in ("-W", it)]
    status, said = run_spec(step, project.path, *options, **variables)
    assert status == 0, said
    assert "passed" in said
