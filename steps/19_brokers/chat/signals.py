import asyncio

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.contrib.auth import SESSION_KEY, get_user_model
from django.contrib.sessions.models import Session
from django.db.models.signals import m2m_changed, post_delete, post_save
from django.db.transaction import on_commit
from django.dispatch import receiver

from courses.models import Course

PATIENCE = 2  # seconds that whoever signs in or out waits for Redis


async def send_check(group_name):
    # Not outside: RabbitMQ's layer can be made only where an event loop runs.
    async with asyncio.timeout(PATIENCE):
        await get_channel_layer().group_send(group_name, {"type": "access.changed"})


def check_access(group_name):
    """Let all consumers in the group check whether their users may stay."""
    # Before the commit, a consumer would still read what was true before.
    on_commit(lambda: async_to_sync(send_check)(group_name), robust=True)


@receiver(post_delete, sender=Session)
def session_deleted(instance, **kwargs):
    """Called when somebody has signed out, or has got a new session."""
    check_access(f"user_{instance.get_decoded().get(SESSION_KEY)}")


@receiver([post_save, post_delete], sender=get_user_model())
def user_changed(instance, created=False, **kwargs):
    """Called when a user has been changed, for example deactivated, or deleted."""
    if not created:
        check_access(f"user_{instance.id}")


@receiver(m2m_changed, sender=Course.students.through)
def students_changed(instance, action, **kwargs):
    """Called when a course has other students, or a user other courses."""
    if action in ("post_remove", "post_clear"):
        kind = "chat" if isinstance(instance, Course) else "user"
        check_access(f"{kind}_{instance.id}")


@receiver(post_delete, sender=Course)
def course_deleted(instance, **kwargs):
    """Called when a course has been deleted."""
    check_access(f"chat_{instance.id}")
