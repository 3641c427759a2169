"""The servers that a reader starts, as they are started from a terminal."""

import re
import urllib.request

import pytest

from tests.support.deadline import DEADLINE

pytestmark = pytest.mark.server


@pytest.mark.holds(since="00")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_runserver_serves_a_page_and_its_stylesheet(site, host):
    with site.runserver() as server:
        root = f"http://{host}:{server.port}"
        page = urllib.request.urlopen(f"{root}/accounts/login/", timeout=DEADLINE)
        style = re.search(r'href="(/static/\S+\.css)"', page.read().decode())[1]
        assert urllib.request.urlopen(root + style, timeout=DEADLINE).read()


@pytest.mark.holds(since="00")
def test_daphne_serves_the_pages(server):
    assert "sessionid=" in server.sign_in("alice")
