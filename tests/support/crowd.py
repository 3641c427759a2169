"""Many people who are signed in, for tests that need more than the demo users."""

SIGN_IN = """
from django.contrib.auth import get_user_model
from django.test import Client
users = get_user_model().objects
for number in range({count}):
    client = Client()
    client.force_login(users.create(username=f"{name} {{number}}"))
    print("sessionid=" + client.cookies["sessionid"].value)
"""


def sign_in_crowd(site, name, count):
    """Make so many users, "name 0" and so on; return {username: Cookie header}."""
    source = SIGN_IN.format(name=name, count=count)
    status, said = site.run("manage.py", "shell", "-v", "0", "-c", source)
    assert status == 0, said
    cookies = [line for line in said.splitlines() if line.startswith("sessionid=")]
    return {f"{name} {number}": cookie for number, cookie in enumerate(cookies)}
