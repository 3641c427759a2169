"""The two channel layers on which the spec runs, each empty when a test begins."""

import contextlib

import redis

from .valkey import url_of


class LayerOnValkey:
    """The layer of the project's own settings, in Valkey."""

    def __init__(self, client):
        self._client = client

    def members(self):
        """Return how many memberships in groups the layer knows."""
        groups = self._client.scan_iter("*:group:*")
        return sum(self._client.zcard(group) for group in groups)


class LayerInMemory:
    """The same settings on Channels' in-memory layer."""

    def __init__(self, backend):
        self._backend = backend

    def members(self):
        """Return how many memberships in groups the layer knows."""
        return sum(len(group) for group in self._backend.groups.values())


@contextlib.contextmanager
def layer_of_settings(server):
    """Yield a LayerOnValkey, emptied; `server` is the ValkeyServer of the settings."""
    from channels.layers import channel_layers

    with redis.Redis.from_url(url_of(server)) as client:
        client.flushall()
        # Channels keeps a layer once made; every test has an event loop of its own.
        channel_layers.backends.pop("default", None)
        yield LayerOnValkey(client)


@contextlib.contextmanager
def layer_in_memory(settings):
    """Yield a LayerInMemory with the capacity that the settings give the real one."""
    from channels.layers import InMemoryChannelLayer, channel_layers

    config = settings.CHANNEL_LAYERS["default"].get("CONFIG", {})
    limits = {key: config[key] for key in ("capacity", "expiry") if key in config}
    backend = InMemoryChannelLayer(**limits)
    channel_layers.set("default", backend)
    yield LayerInMemory(backend)
    channel_layers.backends.pop("default")
