from django.urls import converters, register_converter

from .buckets import TooManyError, new_rooms
from .models import ChatRoom


class ShortSlugConverter(converters.SlugConverter):
    max_length = 80  # a group's name has at most 99 characters, its prefix included
    regex = f"[-a-zA-Z0-9_]{{1,{max_length}}}"


register_converter(ShortSlugConverter, "short_slug")


async def may_enter(user, course_id):
    """Return whether a user may be in a course's room, or in one without a course."""
    if user.is_authenticated and course_id is not None:
        return await user.courses.filter(id=course_id).aexists()
    return user.is_authenticated


async def find_room(user, course_id=None, room_name=None):
    """Return a ChatRoom, or None if the user may not enter.

    Raises TooManyError if it would be new, and the user has opened many new ones.
    """
    if not await may_enter(user, course_id):
        return None
    group_name = f"room_{room_name}" if course_id is None else f"chat_{course_id}"
    room = await ChatRoom.objects.filter(group_name=group_name).afirst()
    if room is None:
        bucket = new_rooms[user.id]
        if course_id is None and bucket.take() < 0:
            bucket.tokens += 1  # not owed: a page tries again and again
            raise TooManyError
        room, _ = await ChatRoom.objects.aget_or_create(
            group_name=group_name, defaults={"course_id": course_id}
        )
    return room
