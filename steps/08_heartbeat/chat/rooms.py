from django.urls import converters, register_converter


class ShortSlugConverter(converters.SlugConverter):
    max_length = 80  # a group's name has at most 99 characters, its prefix included
    regex = f"[-a-zA-Z0-9_]{{1,{max_length}}}"


register_converter(ShortSlugConverter, "short_slug")


async def find_group(user, course_id=None, room_name=None):
    """Return the name of a room's group, or None if the user may not enter."""
    if not user.is_authenticated:
        return None
    if course_id is None:
        return f"room_{room_name}"
    enrolled = await user.courses.filter(id=course_id).aexists()
    return f"chat_{course_id}" if enrolled else None
