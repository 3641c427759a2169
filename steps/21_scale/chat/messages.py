import json
import re

from django.core.exceptions import ValidationError

MAX_LENGTH = 2000
KEY = re.compile("[-0-9A-Za-z]{1,50}")


def clean_content(text_data):
    """Return the object in a frame, or raise ValidationError with the reason."""
    try:
        content = json.loads(text_data)
    except (TypeError, ValueError, RecursionError):
        raise ValidationError("Send JSON, as text.")
    if isinstance(content, dict) and list(content) in (["before"], ["after"]):
        (number,) = content.values()
        if type(number) is not int:  # for isinstance(), True is one, too
            raise ValidationError('Send a whole number: {"before": 51}.')
        return content
    if not isinstance(content, dict) or not isinstance(content.get("message"), str):
        raise ValidationError('Send an object with a text: {"message": "Hello"}.')
    message = content["message"]
    if not message.strip():
        raise ValidationError("The message is empty.")
    if len(message) > MAX_LENGTH:
        raise ValidationError(f"The message is longer than {MAX_LENGTH} characters.")
    if any(char == "\0" or "\ud800" <= char <= "\udfff" for char in message):
        raise ValidationError("The message has a character that is not text.")
    key = content.get("key")
    if key is not None and not (isinstance(key, str) and KEY.fullmatch(key)):
        raise ValidationError("The key is not a text of up to 50 letters and digits.")
    return {"message": message, "key": key}
