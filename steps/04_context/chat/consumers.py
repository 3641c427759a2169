import json

from asgiref.sync import async_to_sync
from channels.generic.websocket import WebsocketConsumer
from django.core.exceptions import ValidationError
from django.utils import timezone

from .messages import clean_message


class ChatConsumer(WebsocketConsumer):
    room_group_name = None  # until connect() has let the person in

    def connect(self):
        """Called when a browser asks for a socket."""
        user = self.scope["user"]
        course_id = self.scope["url_route"]["kwargs"]["course_id"]
        if user.is_authenticated and user.courses.filter(id=course_id).exists():
            self.room_group_name = f"chat_{course_id}"
            async_to_sync(self.channel_layer.group_add)(
                self.room_group_name, self.channel_name
            )
            self.accept()
        else:
            self.close()

    def disconnect(self, close_code):
        """Called when the socket has closed."""
        if self.room_group_name:
            async_to_sync(self.channel_layer.group_discard)(
                self.room_group_name, self.channel_name
            )

    def receive(self, text_data=None, bytes_data=None):
        """Called when the browser has sent a frame, as text or as bytes."""
        try:
            message = clean_message(text_data)
        except ValidationError as error:
            self.send(text_data=json.dumps({"error": error.message}))
        else:
            async_to_sync(self.channel_layer.group_send)(
                self.room_group_name,
                {
                    "type": "chat.message",
                    "message": message,
                    "user": self.scope["user"].username,
                    "time": timezone.now().isoformat(),
                },
            )

    def chat_message(self, event):
        """Called when an event of the type chat.message has come from the group."""
        frame = {key: event[key] for key in ("message", "user", "time")}
        self.send(text_data=json.dumps(frame))
