import json

from django.core.exceptions import ValidationError

MAX_LENGTH = 2000


def clean_message(text_data):
    """Return the message in a frame, or raise ValidationError with the reason."""
    try:
        content = json.loads(text_data)
    except (TypeError, ValueError, RecursionError):
        raise ValidationError("Send JSON, as text.")
    if not isinstance(content, dict) or not isinstance(content.get("message"), str):
        raise ValidationError('Send an object with a text: {"message": "Hello"}.')
    message = content["message"]
    if not message.strip():
        raise ValidationError("The message is empty.")
    if len(message) > MAX_LENGTH:
        raise ValidationError(f"The message is longer than {MAX_LENGTH} characters.")
    if any(char == "\0" or "\ud800" <= char <= "\udfff" for char in message):
        raise ValidationError("The message has a character that is not text.")
    return message
