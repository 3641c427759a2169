"""The site around the chat: what its settings and models do, and what Django checks."""

import re

import pytest


@pytest.mark.holds(since="00")
def test_django_finds_no_error_in_the_project(project):
    from django.core.checks import run_checks

    errors = [" ".join(str(message).split()) for message in run_checks()]
    assert errors == [], errors[0]


@pytest.mark.holds(since="00")
def test_the_migrations_match_the_models(project):
    from django.apps import apps
    from django.core.management import call_command

    # An app without any migrations is looked at only if it is named.
    for name in filter(apps.is_installed, ("courses", "chat")):
        try:
            call_command("makemigrations", name, "--check", "--dry-run")
        except SystemExit:
            advice = f"one is missing: run `python manage.py makemigrations {name}`"
            raise AssertionError(advice) from None


@pytest.mark.holds(since="00")
def test_courses_are_listed_in_the_order_of_their_titles(visitors):
    from courses.models import Course
    from tests.support.people import signed_in

    def order():
        # A new session each time: step 00 keeps pages in a cache.
        page = signed_in("teacher").get("/").content.decode()
        return re.findall(r'href="/courses/(\d+)/"', page)

    course = Course.objects.get(id=1)
    assert order() == ["1", "2"]
    Course.objects.filter(id=1).update(title="Zero Downtime")
    try:
        assert order() == ["2", "1"]
    finally:
        course.save()


@pytest.mark.holds(since="00")
def test_the_admin_shows_a_course_by_its_title(visitors):
    page = visitors["teacher"].get("/admin/courses/course/").content.decode()
    assert "Django by Doing" in page


@pytest.mark.holds(since="00")
def test_signing_in_opens_the_courses_and_signing_out_opens_the_login_page(project):
    from django.test import Client

    client = Client()
    fields = {"username": "alice", "password": "demo"}
    assert client.post("/accounts/login/", fields).url == "/"
    assert client.post("/accounts/logout/").url == "/accounts/login/"


@pytest.mark.holds(since="00")
def test_an_address_without_its_final_slash_is_redirected_to_the_page(visitors):
    response = visitors["alice"].get("/courses/1")
    assert (response.status_code, response.url) == (301, "/courses/1/")


@pytest.mark.holds(since="00")
@pytest.mark.parametrize(
    ("header", "value"),
    [("X-Frame-Options", "DENY"), ("X-Content-Type-Options", "nosniff")],
)
def test_a_page_cannot_be_framed_and_its_type_is_not_guessed(visitors, header, value):
    assert visitors["alice"].get("/courses/1/").headers[header] == value


@pytest.mark.holds(since="01")
def test_the_page_of_a_course_room_shows_the_title_of_the_course(visitors):
    page = visitors["alice"].get("/chat/room/1/").content.decode()
    assert "Django by Doing" in page
    assert "Talking HTTP" not in page
    assert "Talking HTTP" in visitors["teacher"].get("/chat/room/2/").content.decode()


@pytest.mark.holds(since="06")
def test_the_page_of_a_named_room_shows_its_name(visitors):
    page = visitors["alice"].get("/chat/kitchen/").content.decode()
    assert "kitchen" in page
    assert "garden" not in page
    assert "garden" in visitors["alice"].get("/chat/garden/").content.decode()
