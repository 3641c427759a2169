from collections import deque

from channels.auth import get_user
from channels.exceptions import StopConsumer
from django.contrib.sessions.backends.db import SessionStore

from .presence import PresenceConsumer
from .rooms import may_enter


class AccessConsumer(PresenceConsumer):
    """Closes its socket when its user may no longer stay in the room."""

    async def access_changed(self, event=None):
        """Called when an event of the type access.changed has come from a group."""
        session = SessionStore(self.scope["session"].session_key)
        user = await get_user({"session": session})
        if user.username != self.scope["user"].username:  # "" if signed out
            await self.expel(4401)
        elif not await may_enter(user, self.chat_room.course_id):
            await self.expel(4403)

    async def expel(self, code):
        """Close the socket, and serve no frame that is still on its way."""
        self.waiting = deque(maxlen=0)  # what is said from now on is not for them
        await self.close(code)
        raise StopConsumer
