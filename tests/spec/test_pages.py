"""The pages: who sees which course, and who gets into which room's page."""

import re

import pytest

HUGE = 10**39


@pytest.mark.holds(since="00", can="Sign in and see the courses you are enrolled on")
@pytest.mark.parametrize(
    ("name", "sees"),
    [("alice", "1"), ("bob", "1"), ("carol", "2"), ("teacher", "12")],
)
def test_the_front_page_lists_the_courses_that_you_are_enrolled_on(
    visitors, name, sees
):
    page = visitors[name].get("/").content.decode()
    links = set(re.findall(r'href="/courses/(\d+)/"', page))
    assert links == set(sees), f"links to the courses {sorted(links)}"


@pytest.mark.holds(since="00")
@pytest.mark.parametrize("path", ["/", "/courses/1/"])
def test_anonymous_visitors_are_redirected_to_the_login_page(visitors, path):
    response = visitors["anonymous"].get(path)
    assert (response.status_code, response.url) == (
        302,
        f"/accounts/login/?next={path}",
    )


@pytest.mark.holds(since="00")
def test_students_can_open_only_the_page_of_their_own_course(visitors):
    for course, statuses in ((1, [200]), (2, [403, 404]), (HUGE, [403, 404])):
        status = visitors["alice"].get(f"/courses/{course}/").status_code
        assert status in statuses, f"{status} for course {course}"


@pytest.mark.holds(since="00")
def test_signing_in_needs_the_right_password_and_opens_the_requested_page(project):
    from django.test import Client

    client, address = Client(), "/accounts/login/?next=/courses/1/"
    wrong = client.post(address, {"username": "alice", "password": "wrong"})
    assert wrong.status_code == 200
    assert "errorlist" in wrong.content.decode()
    right = client.post(address, {"username": "alice", "password": "demo"})
    assert (right.status_code, right.url) == (302, "/courses/1/")
    assert client.get("/courses/1/").status_code == 200
    client.post("/accounts/logout/")
    assert client.get("/courses/1/").status_code == 302


@pytest.mark.holds(since="00")
def test_only_the_teacher_can_open_the_admin(visitors):
    assert visitors["teacher"].get("/admin/courses/course/1/change/").status_code == 200
    assert visitors["alice"].get("/admin/courses/course/").status_code == 302


@pytest.fixture
def changed_course(visitors):
    """Let bob see course 1, then change its title for the test; return the new one."""
    from courses.models import Course

    visitors["bob"].get("/courses/1/")
    course = Course.objects.get(id=1)
    Course.objects.filter(id=1).update(title="Changed since")
    yield "Changed since"
    course.save()


@pytest.mark.holds(since="00", until="00", can="Pages come from the per-site cache")
def test_a_page_that_was_seen_before_comes_from_the_cache(visitors, changed_course):
    page = visitors["bob"].get("/courses/1/").content.decode()
    assert changed_course not in page, "the page has been rendered again"


@pytest.mark.holds(since="01", can="Pages are always fresh: the per-site cache is off")
def test_a_page_that_was_seen_before_is_up_to_date(visitors, changed_course):
    page = visitors["bob"].get("/courses/1/").content.decode()
    assert changed_course in page, "the page is an old one, from a cache"


@pytest.mark.holds(since="00", until="00")
def test_there_is_no_chat_room_yet(visitors):
    status = visitors["alice"].get("/chat/room/1/").status_code
    assert status == 404, f"status {status}"


@pytest.mark.holds(since="01", can="Open the room page of your course, and of no other")
def test_students_can_open_the_room_page_of_their_course(visitors):
    status = visitors["alice"].get("/chat/room/1/").status_code
    assert status == 200, f"status {status}"


@pytest.mark.holds(since="01")
def test_users_who_are_not_enrolled_cannot_open_the_room_page(visitors):
    for room in (2, 3, 0, HUGE):
        status = visitors["alice"].get(f"/chat/room/{room}/").status_code
        assert status == 403, f"{status} for room {room}"


@pytest.mark.holds(since="01")
def test_the_room_page_redirects_anonymous_visitors_to_the_login_page(visitors):
    response = visitors["anonymous"].get("/chat/room/1/")
    assert (response.status_code, response.url) == (
        302,
        "/accounts/login/?next=/chat/room/1/",
    )


@pytest.mark.holds(since="01")
def test_the_room_page_is_never_cached(visitors):
    headers = visitors["alice"].get("/chat/room/1/").headers
    assert "no-store" in headers.get("Cache-Control", ""), headers


@pytest.mark.holds(since="00", until="01")
def test_the_course_page_has_no_link_to_a_room_yet(visitors):
    page = visitors["alice"].get("/courses/1/").content.decode()
    assert "/chat/room/" not in page, "there is a link to /chat/room/"


@pytest.mark.holds(since="02", can="Reach the room by a link on the course page")
def test_the_course_page_links_to_its_room(visitors):
    page = visitors["alice"].get("/courses/1/").content.decode()
    assert 'href="/chat/room/1/"' in page, "there is no link to /chat/room/1/"
