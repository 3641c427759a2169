# The name of a group has 99 characters at most, its prefix included.
MAX_LENGTH = 80


async def find_group(user, course_id=None, room_name=None):
    """Return the name of a room's group, or None if the user may not enter."""
    if not user.is_authenticated:
        return None
    if course_id is None:
        return f"room_{room_name}" if len(room_name) <= MAX_LENGTH else None
    enrolled = await user.courses.filter(id=course_id).aexists()
    return f"chat_{course_id}" if enrolled else None
