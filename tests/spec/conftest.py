"""The spec's fixtures: the channel layer, the visitors and the people in the rooms."""

from pathlib import Path

import pytest

from tests.support.layer import layer_in_memory, layer_of_settings
from tests.support.project import SINCE_LAYER

from .order import ORDER

# The steps whose consumers use the layer anew: these also run on Channels' own layer.
ON_BOTH_LAYERS = ("03", "05")
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items):
    """Put the tests of the spec in the order that order.py gives."""
    files = [HERE / f"test_{name}.py" for name in ORDER]
    items.sort(key=lambda item: files.index(item.path) if item.path in files else -1)


def pytest_generate_tests(metafunc):
    """Run what uses the `layer` on that of the settings, where a step has one.

    A test that concerns only one of them names it in a parametrize of its own.
    """
    named = metafunc.definition.iter_markers("parametrize")
    if "layer" in metafunc.fixturenames and all(m.args[0] != "layer" for m in named):
        step = metafunc.config.step
        names = ["valkey"] if step and step.number >= SINCE_LAYER else ["no layer"]
        names += ["memory"] if step and step.number in ON_BOTH_LAYERS else []
        metafunc.parametrize("layer", names, indirect=True)


@pytest.fixture
def layer(request, project):
    """An empty channel layer; `layer.members()` counts the memberships in it.

    None at the steps that have no layer.
    """
    if request.param == "no layer":
        yield None
    elif request.param == "memory":
        with layer_in_memory(project.settings) as layer:
            yield layer
    else:
        with layer_of_settings(project.valkey) as layer:
            yield layer


@pytest.fixture(scope="session")
def visitors(project):
    """Django test clients by name: the demo users signed in, "anonymous" not."""
    from django.test import Client

    from tests.support.people import signed_in

    names = ["alice", "bob", "carol", "teacher"]
    return {"anonymous": Client()} | {name: signed_in(name) for name in names}


@pytest.fixture
def cookies(visitors):
    """The Cookie headers of the visitors, by name."""
    from tests.support.people import cookie_of

    return {name: cookie_of(client) for name, client in visitors.items()}


@pytest.fixture
async def people(project, layer, cookies):
    """The People who enter the project's rooms; they leave when the test ends."""
    from tests.support.people import People

    async with People(project.application, cookies) as people:
        yield people
    if layer:
        await layer.close()
