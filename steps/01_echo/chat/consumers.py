import json

from channels.generic.websocket import WebsocketConsumer
from django.core.exceptions import ValidationError

from .messages import clean_message


class ChatConsumer(WebsocketConsumer):
    def connect(self):
        """Called when a browser asks for a socket."""
        self.accept()

    def disconnect(self, close_code):
        """Called when the socket has closed."""

    def receive(self, text_data=None, bytes_data=None):
        """Called when the browser has sent a frame, as text or as bytes."""
        try:
            message = clean_message(text_data)
        except ValidationError as error:
            self.send(text_data=json.dumps({"error": error.message}))
        else:
            self.send(text_data=json.dumps({"message": message}))
