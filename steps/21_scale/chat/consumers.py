import json

from django.core.exceptions import ValidationError

from .history import read_messages, save_once
from .limits import LimitedConsumer
from .messages import clean_content
from .metrics import MESSAGES
from .rooms import find_room


class ChatConsumer(LimitedConsumer):
    async def connect(self):
        """Called when a browser asks for a socket."""
        user = self.scope["user"]
        self.chat_room = await find_room(user, **self.scope["url_route"]["kwargs"])
        if self.chat_room:
            self.room_group_name = self.chat_room.group_name
            self.group_names = [f"user_{user.id}"]
            await self.join()
            await self.accept()
            await self.enter(self.room_group_name)
            await self.send_history()
            await self.access_changed()
            await self.write()
            self.send = self.answer  # which keeps nobody waiting
            await self.show(self.room.users)
        else:
            await self.close()

    async def receive(self, text_data=None, bytes_data=None):
        """Called when the browser has sent a frame, as text or as bytes."""
        try:
            content = clean_content(text_data)
        except ValidationError as error:
            await self.send(text_data=json.dumps({"error": error.message}))
        else:
            if "message" in content:
                with MESSAGES.time():
                    await self.say(**content)
            else:
                await self.send_history(**content)

    async def say(self, message, key):
        saved = await save_once(self.chat_room, self.scope["user"], message, key)
        event = {"type": "chat.message", **saved}
        if key:
            await self.send(text_data=json.dumps({**event, "key": key}))
        await self.channel_layer.group_send(self.room_group_name, event)

    async def send_history(self, **number):
        """Send the browser the last messages, or some before or after a number."""
        messages = await read_messages(self.chat_room, **number)
        username = self.scope["user"].username
        frame = {"type": "chat.history", "user": username, "messages": messages}
        # An emoji takes 4 bytes, not 12: daphne sends no frame of more than 1 MiB.
        await self.send(text_data=json.dumps(frame, ensure_ascii=False))
