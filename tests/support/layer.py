"""The two channel layers on which the spec runs, each empty when a test begins."""

import asyncio
import contextlib

import pytest
import redis
from channels.layers import InMemoryChannelLayer, channel_layers, get_channel_layer
from channels_redis.core import RedisChannelLayer

from .valkey import url_of


def is_rabbitmq(layer):
    """Return whether RabbitMQ carries a layer's events."""
    return "Rabbitmq" in type(layer).__name__


class LayerOnValkey:
    """The layer of the project's own settings, in Valkey."""

    def __init__(self, client):
        self._client = client
        self._others = []  # layers of "other processes"

    def members(self):
        """Return how many memberships in the groups of rooms the layer knows.

        From step 14 on, users have groups, too, which do not count here.
        """
        groups = self._groups("*") - self._groups("user_*")
        return sum(self._client.zcard(group) for group in groups)

    def groups_of_users(self):
        """Return the names in Redis of the users' groups that somebody is in."""
        return self._groups("user_*")

    def _groups(self, pattern):
        """Return the names in Redis of groups.

        Only RedisChannelLayer keeps memberships where they can be counted, a sorted
        set for each group; with another layer the test is skipped.
        """
        layer = get_channel_layer()
        if not isinstance(layer, RedisChannelLayer):
            pytest.skip(f"the memberships of {type(layer).__name__} cannot be counted")
        return set(self._client.scan_iter(f"*:group:{pattern}"))

    def use_as_another_process(self):
        """Give consumers from now on layer objects of their own, as elsewhere."""
        for alias in ("default", "presence"):
            if layer := channel_layers.backends.pop(alias, None):
                self._others.append(layer)

    async def close(self):
        """End what a layer does in this event loop; each test has a loop of its own.

        channels_redis does so when the loop is closed, channels_rabbitmq never.
        """
        self.use_as_another_process()
        loop = asyncio.get_running_loop()
        for layer in self._others:
            if is_rabbitmq(layer) and layer._carehare_connection.get_loop() is loop:
                # carehare 1.0.2 may set the result of its connection's end twice.
                with contextlib.suppress(asyncio.InvalidStateError):
                    await layer.close()


class LayerInMemory:
    """The same settings on Channels' in-memory layer."""

    def __init__(self, backend):
        self._backend = backend

    def members(self):
        """Return how many memberships in the groups of rooms the layer knows."""
        groups = self._backend.groups.items()
        return sum(len(it) for name, it in groups if not name.startswith("user_"))

    async def close(self):
        """Nothing goes on in this layer by itself."""


# What the layers in Redis and in memory are told in the same words.
LIMITS = ("capacity", "channel_capacity", "expiry")


@contextlib.contextmanager
def layer_of_settings(server):
    """Yield a LayerOnValkey, emptied; `server` is the ValkeyServer of the settings."""
    with redis.Redis.from_url(url_of(server)) as client:
        client.flushall()
        layer = LayerOnValkey(client)
        # Channels keeps a layer once made; every test has an event loop of its own.
        layer.use_as_another_process()
        yield layer


@contextlib.contextmanager
def layer_in_memory(settings):
    """Yield a LayerInMemory with the capacity that the settings give the real one."""
    config = settings.CHANNEL_LAYERS["default"].get("CONFIG", {})
    limits = {key: config[key] for key in LIMITS if key in config}
    backend = InMemoryChannelLayer(**limits)
    channel_layers.set("default", backend)
    yield LayerInMemory(backend)
    channel_layers.backends.pop("default")
