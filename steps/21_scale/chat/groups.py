import asyncio
import json
import logging
from contextlib import suppress

from channels.layers import get_channel_layer

PATIENCE = 0.1  # seconds that a socket may keep the others in its room waiting

logger = logging.getLogger(__name__)


class GroupMember:
    """Joins a group once, and gets each event once, for all consumers of a process."""

    def __init__(self, group_name):
        self.group_name = group_name
        self.layer = get_channel_layer()
        self.consumers = set()

    async def open(self):
        """Called when the first consumer enters."""
        self.channel_name = await self.layer.new_channel()
        self.listening = asyncio.create_task(self.listen())

    async def join(self):
        """Called when a consumer enters: a membership that is a day old has expired."""
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

    async def deliver(self, consumers, send_to):
        """Call send_to() for each consumer; close each socket that does not read."""
        waiting = [consumer for consumer in consumers if not consumer.closing]
        while waiting:
            try:
                async with asyncio.timeout(PATIENCE):
                    while waiting:
                        with suppress(Exception):  # the socket may have closed
                            await send_to(waiting[-1])
                        waiting.pop()
            except TimeoutError:
                slow = waiting.pop()
                # The close frame has to wait, too, but not in this task.
                slow.closing = asyncio.gather(slow.close(4013), return_exceptions=True)

    async def chat_message(self, event):
        """Called when an event of the type chat.message has come from the group."""
        text = json.dumps(event)
        await self.deliver(self.consumers, lambda consumer: consumer.hand(text))

    async def access_changed(self, event):
        """Called when an event of the type access.changed has come from the group."""
        for consumer in list(self.consumers):
            await self.layer.send(consumer.channel_name, event)
