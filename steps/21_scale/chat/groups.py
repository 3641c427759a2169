import asyncio
import json
import logging
from contextlib import suppress

from channels.layers import get_channel_layer

PATIENCE = 0.1  # seconds that one socket may keep the others of its room waiting

logger = logging.getLogger(__name__)


class GroupMember:
    """The only member of a group in this process: it hands all events to consumers."""

    def __init__(self, group_name):
        self.group_name = group_name
        self.layer = get_channel_layer()
        self.consumers = set()

    async def open(self):
        """Called when the first consumer enters."""
        self.channel_name = await self.layer.new_channel()
        self.listening = asyncio.create_task(self.listen())

    async def join(self):
        """Called when any consumer enters: Redis forgets a membership after a day."""
        await self.layer.group_add(self.group_name, self.channel_name)

    async def close(self):
        """Called when the last consumer has left."""
        self.listening.cancel()
        await self.layer.group_discard(self.group_name, self.channel_name)

    async def listen(self):
        """Call the method for each event, as Channels does, until it is cancelled."""
        while True:
            try:
                event = await self.layer.receive(self.channel_name)
                await getattr(self, event["type"].replace(".", "_"))(event)
            except Exception:  # the pages ask for what they have missed
                logger.exception("An event of %s has failed", self.group_name)
                await asyncio.sleep(1)

    async def deliver(self, consumers, hand_to):
        """Call hand_to() for each consumer; wait for none that does not keep up."""
        rest = list(consumers)
        while rest:
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    while rest:
                        with suppress(Exception):  # the socket may have closed
                            await hand_to(rest.pop())

    async def chat_message(self, event):
        """Called when an event of the type chat.message has come from the group."""
        text = json.dumps(event)
        await self.deliver(self.consumers, lambda consumer: consumer.hand(text))

    async def access_changed(self, event):
        """Called when an event of the type access.changed has come from the group."""
        for consumer in list(self.consumers):
            with suppress(Exception):  # the others have to be checked, too
                await self.layer.send(consumer.channel_name, event)
