"""The settings of a server: what its environment decides, its log, its health page."""

import asyncio
import contextlib
import http.client
import json
import re
import urllib.parse
from http.cookies import SimpleCookie

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.support.deadline import DEADLINE, until
from tests.support.real_sockets import enter, refusal
from tests.support.valkey import url_of

from .test_may_stay import sign_out

pytestmark = pytest.mark.server

KEY = "only-for-tests-0123456789-abcdefghijklmnopqrstuvwxyz"
HOST = "chat.example"
OFF = {"DEBUG": "off", "SECRET_KEY": KEY, "ALLOWED_HOSTS": f"www.{HOST} {HOST}"}
# What a reverse proxy adds to a request that has come over HTTPS.
HTTPS = {"Host": HOST, "X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https"}
LOGIN, HEALTH = "/accounts/login/", "/health/"
# Since that step, what carries the events need not be the Redis of the lists.
SINCE_BROKERS = "19"


@pytest.fixture(scope="session")
def parts(step):
    """What the health page names."""
    both = ["database", "redis"]
    return [*both, "broker"] if step.number >= SINCE_BROKERS else both


def answers(parts, *silent):
    """Return what the health page says when these parts do not answer."""
    return {it: "does not answer" if it in silent else "ok" for it in parts}


def ask(server, path, headers=(), fields=None):
    """Return the answer to a request, with its text in `text`; follow no redirect.

    With `fields` it is a POST of a form.
    """
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE)
    with contextlib.closing(connection):
        headers = dict(headers)
        body = None
        if fields is not None:
            body = urllib.parse.urlencode(fields)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request("GET" if body is None else "POST", path, body, headers)
        answer = connection.getresponse()
        answer.text = answer.read().decode()
        return answer


def until_health(server, headers=(), status=200, expected=None):
    """Return the answer of the health page when it is as expected.

    The page waits two seconds for each part, which may be too short.
    """
    answer = None

    def is_expected():
        nonlocal answer
        answer = ask(server, HEALTH, headers)
        said = json.loads(answer.text)
        return answer.status == status and expected in (None, said)

    until(is_expected)
    return answer


def sign_in(server, origin):
    """Send the login form over HTTPS, from a page of `origin`; return the answer."""
    page = ask(server, LOGIN, HTTPS)
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)[1]
    headers = HTTPS | {"Origin": origin, "Cookie": cookies_of(page)}
    fields = {"username": "alice", "password": "demo", "csrfmiddlewaretoken": token}
    return ask(server, LOGIN, headers, fields)


def cookies_of(answer):
    """Return what an answer sets as a Cookie header."""
    jar = SimpleCookie("\n".join(answer.headers.get_all("Set-Cookie", [])))
    return "; ".join(f"{name}={morsel.value}" for name, morsel in jar.items())


@pytest.fixture(scope="module")
def secure(site):
    """A daphne with DEBUG off, behind a proxy, with its static files collected."""
    status, said = site.run("manage.py", "collectstatic", "--no-input", **OFF)
    assert status == 0, said
    with site.daphne("--proxy-headers", **OFF) as server:
        yield server


@pytest.mark.holds(since="16", can="With DEBUG off, the site needs a key of its own")
def test_without_debug_a_site_does_not_start_with_the_public_key(site):
    # Without the key that steps have which never run without one.
    status, said = site.run("manage.py", "check", DEBUG="off", SECRET_KEY=None)
    assert status
    assert "ImproperlyConfigured: DEBUG is off, so SECRET_KEY has to be" in said
    for variables in (OFF, {}, {"DEBUG": "on"}):
        assert site.run("manage.py", "check", **variables)[0] == 0


@pytest.mark.holds(since="16")
def test_a_site_does_not_start_in_doubt_whether_debug_is_off(site):
    status, said = site.run("manage.py", "check", DEBUG="False")
    assert status
    assert "KeyError: 'False'" in said


@pytest.mark.holds(since="16", can="Django's check for servers finds nothing")
def test_the_check_for_a_deployment_finds_nothing(site):
    command = ["manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    status, said = site.run(*command, **OFF)
    assert status == 0, said
    assert "no issues (2 silenced)" in said
    status, said = site.run(*command)
    assert status
    assert "security.W018" in said


@pytest.mark.holds(since="16", can="HTTP is redirected to HTTPS")
def test_http_is_redirected_to_https_except_the_health_page(secure, server):
    for path in (LOGIN, "/health", "/chat/health/", "/health/more/"):
        answer = ask(secure, path, {"Host": HOST})
        assert (answer.status, answer.headers["Location"]) == (
            301,
            f"https://{HOST}{path}",
        )
    assert ask(secure, LOGIN, HTTPS).status == 200
    until_health(secure, {"Host": HOST})
    assert ask(server, LOGIN).status == 200


@pytest.mark.holds(since="16")
def test_https_is_believed_only_behind_a_proxy(site):
    with site.daphne(**OFF) as server:
        assert ask(server, LOGIN, HTTPS).status == 301


@pytest.mark.holds(since="16", can="Cookies are sent over HTTPS only")
def test_cookies_are_secure_and_browsers_remember_https(secure, server):
    answer = sign_in(secure, f"https://{HOST}")
    cookies = answer.headers.get_all("Set-Cookie")
    assert {cookie.partition("=")[0] for cookie in cookies} == {
        "csrftoken",
        "sessionid",
    }
    assert all(cookie.endswith("; Secure") for cookie in cookies)
    assert answer.headers["Strict-Transport-Security"] == "max-age=3600"
    answer = ask(server, LOGIN)
    assert "Secure" not in answer.headers["Set-Cookie"]
    assert "Strict-Transport-Security" not in answer.headers


@pytest.mark.holds(since="16")
def test_a_form_is_accepted_from_the_own_site_only(secure):
    accepted = sign_in(secure, f"https://{HOST}")
    assert (accepted.status, accepted.headers["Location"]) == (302, "/")
    for origin in (
        f"http://{HOST}",
        f"https://www.{HOST}",
        "https://elsewhere.example",
    ):
        assert sign_in(secure, origin).status == 403


@pytest.mark.holds(since="16")
def test_only_allowed_hosts_are_served(secure, server):
    for host in (HOST, f"www.{HOST}"):
        until_health(secure, {"Host": host})
    for host in ("127.0.0.1", "elsewhere.example"):
        assert ask(secure, HEALTH, {"Host": host}).status == 400
    for host in ("127.0.0.1", "localhost"):
        until_health(server, {"Host": host})
    assert ask(server, HEALTH, {"Host": HOST}).status == 400


async def status_of_socket(server, origin, cookie):
    """Return the status of a handshake with this Origin header."""
    options = {"origin": origin, "additional_headers": {"Cookie": cookie}}
    address = f"ws://127.0.0.1:{server.port}/ws/chat/kitchen/"
    try:
        async with connect(address, proxy=None, open_timeout=DEADLINE, **options) as it:
            return it.response.status_code
    except InvalidStatus as error:
        return error.response.status_code


@pytest.mark.holds(since="16", can="ALLOWED_HOSTS decides who may open a socket")
async def test_a_socket_is_accepted_from_an_allowed_host_only(secure):
    cookie = cookies_of(sign_in(secure, f"https://{HOST}"))
    assert await status_of_socket(secure, f"https://{HOST}", cookie) == 101
    for origin in ("https://elsewhere.example", "http://127.0.0.1", "http://localhost"):
        assert await status_of_socket(secure, origin, cookie) == 403


@pytest.mark.holds(since="16")
def test_an_error_page_shows_nothing_of_the_site(secure, server):
    assert "accounts/login/" in ask(server, "/nothing/").text
    answer = ask(secure, "/nothing/", HTTPS)
    assert answer.status == 404
    assert "accounts/" not in answer.text


@pytest.mark.holds(since="16", can="A changed script or stylesheet has another name")
def test_the_names_of_static_files_have_a_hash(site, secure, server):
    def files(answer):
        return re.findall(r'="/(static/[\w./]+)"', answer.text)

    names = files(ask(secure, LOGIN, HTTPS))
    assert len(names) == 3
    for name in names:
        assert re.search(r"\.[0-9a-f]{12}\.(js|css|svg)$", name)
        assert (site.folder / name).is_file()
        # Another server has to do this.
        assert ask(secure, f"/{name}", HTTPS).status == 404
    plain = {re.sub(r"\.[0-9a-f]{12}\.", ".", name) for name in names}
    assert set(files(ask(server, LOGIN))) == plain


@pytest.mark.holds(since="16", can="A health page says whether all works")
def test_the_health_page_says_whether_redis_answers(secure, server, project, parts):
    for each, headers in ((secure, {"Host": HOST}), (server, {})):
        answer = until_health(each, headers, 200, answers(parts))
        assert "no-store" in answer.headers["Cache-Control"]
    start = len(secure.lines)
    project.valkey.terminate()
    try:
        until_health(secure, {"Host": HOST}, 503, answers(parts, "redis", "broker"))
        line = secure.wait_for_line("The redis does not answer", start)
        assert "ERROR config.health: The redis does not answer: ConnectionE" in line
    finally:
        project.valkey.start()
    until_health(secure, {"Host": HOST})


@pytest.mark.holds(since="16")
def test_the_health_page_says_within_seconds_that_a_database_does_not_answer(
    site, tmp_path, parts
):
    """psycopg tries for 30 s to connect; the page does not wait for it."""
    nobody = {"PGDATABASE": "chat", "PGHOST": str(tmp_path)}
    with site.daphne(**nobody) as server:
        until_health(server, (), 503, answers(parts, "database"))
        server.wait_for_line("The database does not answer: TimeoutError")
        # Its pool has not given up yet.
        assert "PoolTimeout" not in "".join(server.lines)


def ended(user, path, code):
    """Return a pattern for the log's line of a socket that has ended."""
    time = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}"
    socket = re.escape(f"socket user={user} path={path!r} code={code} ")
    return rf"{time} INFO chat\.middleware: {socket}seconds=(\d+\.\d)"


def assert_logged(server, start, user, path, code):
    """Wait for the log's line of a socket's end."""
    line = server.wait_for_line(f"path={path!r}", start)
    match = re.fullmatch(ended(user, path, code), line)
    assert match, line
    assert 0 <= float(match[1]) < 2 * DEADLINE


@pytest.mark.holds(since="16", can="The log says how each socket has ended")
@pytest.mark.parametrize("code", [1000, 1001, 1005, 4000])
async def test_the_log_says_with_which_code_a_page_has_left(server, cookies, code):
    start = len(server.lines)
    alice = await enter(server, cookies["alice"], f"left-{code}")
    await alice.read_history()
    # 1005 says that the close frame has no code (RFC 6455, section 7.4.1).
    await alice.connection.close(None if code == 1005 else code)
    assert_logged(server, start, "alice", f"/ws/chat/left-{code}/", code)


@pytest.mark.holds(since="16")
async def test_the_log_says_that_a_connection_was_lost(server, cookies):
    start = len(server.lines)
    alice = await enter(server, cookies["alice"], "lost")
    alice.connection.transport.abort()
    await alice.connection.wait_closed()
    assert_logged(server, start, "alice", "/ws/chat/lost/", 1006)


@pytest.mark.holds(since="16")
async def test_the_log_says_who_was_refused(server, cookies):
    start = len(server.lines)
    assert await refusal(server, cookies["carol"]) == 403
    assert_logged(server, start, "carol", "/ws/chat/room/1/", 403)
    assert await refusal(server, "", "refused") == 403
    assert_logged(server, start, "AnonymousUser", "/ws/chat/refused/", 403)


@pytest.mark.holds(since="16")
async def test_the_log_says_that_a_socket_was_closed_by_the_server(server):
    start = len(server.lines)
    cookie = await asyncio.to_thread(server.sign_in, "alice")
    alice = await enter(server, cookie, "signed-out")
    await asyncio.to_thread(sign_out, server, cookie)
    assert await alice.until_closed() == 4401
    assert_logged(server, start, "alice", "/ws/chat/signed-out/", 4401)


@pytest.mark.holds(since="16")
async def test_the_log_says_which_sockets_were_closed_when_redis_stopped(
    site, cookies, project
):
    with site.daphne(REDIS_URL=url_of(project.valkey)) as server:
        alice = await enter(server, cookies["alice"], "stopped")
        await alice.read_history()
        start = len(server.lines)
        project.valkey.terminate()
        try:
            assert await alice.until_closed() == 1000
            assert_logged(server, start, "alice", "/ws/chat/stopped/", 1000)
            assert await refusal(server, cookies["alice"], "no-redis") == 403
            assert_logged(server, start, "alice", "/ws/chat/no-redis/", 403)
        finally:
            project.valkey.start()


@pytest.mark.holds(since="16", can="Nobody can forge a line of the log")
async def test_an_error_is_logged_on_one_line_whatever_the_path_contains(
    server, cookies
):
    start = len(server.lines)
    forged = "socket user=bob path='/ws/chat/casino/' code=1001"
    address = f"ws://127.0.0.1:{server.port}/ws/%0A{urllib.parse.quote(forged)}"
    headers = {"Cookie": cookies["carol"]}
    with pytest.raises(InvalidStatus, match="500"):
        await connect(
            address,
            origin=server.url,
            additional_headers=headers,
            proxy=None,
            open_timeout=DEADLINE,
        )
    assert_logged(server, start, "carol", f"/ws/\n{forged}", 1011)
    server.wait_for_line("ValueError: No route found", start)
    assert not any(line.startswith(forged) for line in server.lines)


@pytest.mark.holds(since="16", can="Errors are in the log, also with DEBUG off")
def test_django_logs_each_error_once(secure, server):
    for each, headers in ((secure, HTTPS), (server, {})):
        ask(each, "/nowhere/", headers)
        # Lines come in order, and this one comes later.
        start = len(each.lines)
        ask(each, HEALTH, {"Host": "elsewhere.example"})
        each.wait_for_line("Invalid HTTP_HOST header: 'elsewhere.example'", start)
        (line,) = [line for line in each.lines if "Not Found: /nowhere/" in line]
        assert " WARNING django.request: " in line


@pytest.mark.holds(since="16")
def test_a_command_logs_what_it_does(site):
    """daphne sets the level of the root itself; a command of manage.py does not."""
    code = "import logging; logging.getLogger('chat').info('It has begun.')"
    status, said = site.run("manage.py", "shell", "-v", "0", "-c", code)
    assert status == 0, said
    assert " INFO chat: It has begun." in said
