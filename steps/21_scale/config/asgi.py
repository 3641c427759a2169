import os

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

django_asgi_app = get_asgi_application()

# Code that imports models has to be imported after this line.
from chat.middleware import LogMiddleware, RedisErrorMiddleware
from chat.routing import websocket_urlpatterns

router = ProtocolTypeRouter(
    {
        "http": django_asgi_app,
        "websocket": AllowedHostsOriginValidator(
            AuthMiddlewareStack(
                LogMiddleware(RedisErrorMiddleware(URLRouter(websocket_urlpatterns)))
            )
        ),
    }
)


async def application(scope, receive, send):
    """Called once for each socket and request; consumers find `send` in their scope."""
    await router(scope | {"send": send}, receive, send)
