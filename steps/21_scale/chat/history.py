from channels.db import database_sync_to_async
from django.db import IntegrityError, transaction
from django.db.models import F

from .models import ChatRoom

MOST = 50  # messages that somebody who enters receives


def content(message):
    """Return what a browser needs to know of a message."""
    return {
        "number": message.number,
        "message": message.text,
        "user": message.user.username if message.user else "deleted user",
        "time": message.time.isoformat(),
    }


@database_sync_to_async
@transaction.atomic
def save_message(room, user, text, key):
    """Save a message under the room's next number, and return its content."""
    # This takes a lock until the transaction ends, so writers wait for each other.
    ChatRoom.objects.filter(id=room.id).update(last_number=F("last_number") + 1)
    room.refresh_from_db(fields=["last_number"])
    number = room.last_number
    return content(room.messages.create(number=number, user=user, text=text, key=key))


async def save_once(room, user, text, key=None):
    """Save a message, once for each key, and return its content."""
    try:
        return await save_message(room, user, text, key)
    except IntegrityError:  # a message with this key has been saved before
        return content(await user.message_set.aget(room=room, key=key))


async def read_messages(room, before=None, after=None):
    """Return the contents of the last messages before a number, or the first after it.

    The oldest of them comes first.
    """
    messages = room.messages.select_related("user").order_by("-number")
    if after is not None:
        messages = messages.filter(number__gt=after).reverse()
        return [content(message) async for message in messages[:MOST]]
    if before is not None:
        messages = messages.filter(number__lt=before)
    return [content(message) async for message in messages[:MOST]][::-1]
