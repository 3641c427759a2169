import asyncio
import logging

from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.contrib.auth.models import User
from django.http import JsonResponse
from django.views.decorators.cache import never_cache

logger = logging.getLogger(__name__)


# In another thread than the request's, which has to be free for the response.
ask_database = database_sync_to_async(User.objects.exists, thread_sensitive=False)


async def ask_redis():
    # Not ping(), which a Redis that is full answers, too.
    await get_channel_layer("presence").connection(0).set("asgi:health", "", ex=10)


async def ask_broker():
    # To a group that nobody is in.
    await get_channel_layer().group_send("health", {"type": "health"})


QUESTIONS = {"database": ask_database, "redis": ask_redis, "broker": ask_broker}


@never_cache
async def health(request):
    """Return 200 if all three answer within two seconds each, otherwise 503."""
    answers = {}
    for name, ask in QUESTIONS.items():
        try:
            async with asyncio.timeout(2):
                await ask()
            answers[name] = "ok"
        except Exception as error:
            kind = type(error).__name__
            logger.error("The %s does not answer: %s: %s", name, kind, error)
            answers[name] = "does not answer"
    status = 200 if set(answers.values()) == {"ok"} else 503
    return JsonResponse(answers, status=status)
