import json

from django.core.exceptions import ValidationError
from django.utils import timezone

from .messages import clean_message
from .presence import PresenceConsumer
from .rooms import find_group


class ChatConsumer(PresenceConsumer):
    async def connect(self):
        """Called when a browser asks for a socket."""
        room = self.scope["url_route"]["kwargs"]
        self.room_group_name = await find_group(self.scope["user"], **room)
        if self.room_group_name:
            await self.channel_layer.group_add(self.room_group_name, self.channel_name)
            await self.accept()
            await self.enter(self.room_group_name)
        else:
            await self.close()

    async def receive(self, text_data=None, bytes_data=None):
        """Called when the browser has sent a frame, as text or as bytes."""
        try:
            message = clean_message(text_data)
        except ValidationError as error:
            await self.send(text_data=json.dumps({"error": error.message}))
        else:
            await self.channel_layer.group_send(
                self.room_group_name,
                {
                    "type": "chat.message",
                    "message": message,
                    "user": self.scope["user"].username,
                    "time": timezone.now().isoformat(),
                },
            )

    async def chat_message(self, event):
        """Called when an event of the type chat.message has come from the group."""
        frame = {key: event[key] for key in ("type", "message", "user", "time")}
        await self.send(text_data=json.dumps(frame))
