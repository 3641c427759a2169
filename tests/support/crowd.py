"""Many people who are signed in, for tests that need more than the demo users."""

# Quick for thousands, too: neither a request nor a query for each of them.
SIGN_IN = """
from datetime import timedelta
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth import get_user_model
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.utils import timezone
User = get_user_model()
names = [f"{name} {{number}}" for number in range({count})]
users = User.objects.bulk_create(User(username=name, password="!") for name in names)
expiry = timezone.now() + timedelta(days=1)
sessions = []
for user in users:
    content = {{
        SESSION_KEY: str(user.pk),
        BACKEND_SESSION_KEY: "django.contrib.auth.backends.ModelBackend",
        HASH_SESSION_KEY: user.get_session_auth_hash(),
    }}
    data = SessionStore().encode(content)
    key = f"{{user.pk:032}}"
    sessions.append(Session(session_key=key, session_data=data, expire_date=expiry))
    print(f"sessionid={{key}}")
Session.objects.bulk_create(sessions)
"""
ENROL = """
from courses.models import Course
for number in range(1, {courses} + 1):
    defaults = {{"title": f"Course {{number}}"}}
    course, _ = Course.objects.get_or_create(id=number, defaults=defaults)
    course.students.add(*users)
"""


def sign_in_crowd(site, name, count, courses=0):
    """Make so many users, "name 0" and so on; return {username: Cookie header}.

    They are students of the first so many courses, which are made if they are missing.
    """
    source = SIGN_IN.format(name=name, count=count) + ENROL.format(courses=courses)
    status, said = site.run("manage.py", "shell", "-v", "0", "-c", source)
    assert status == 0, said
    cookies = [line for line in said.splitlines() if line.startswith("sessionid=")]
    return {f"{name} {number}": cookie for number, cookie in enumerate(cookies)}
