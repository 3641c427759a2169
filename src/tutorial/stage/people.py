"""Who opens which port: sessions, and the application that adds them to requests."""

COOKIE = b"sessionid="


class People:
    """An ASGI application that adds each person's session to what their port gets.

    Signing in or out goes on as usual: the session is kept here instead of in the
    browser, for which all ports are one site. Without X-Frame-Options the pages can be
    shown in frames.
    """

    def __init__(self, application, sessions):
        self.application = application
        self.sessions = sessions  # {port: session key}

    async def __call__(self, scope, receive, send):
        port, headers = scope["server"][1], scope["headers"]

        async def send_without_session(message):
            if message["type"] == "http.response.start":
                message = {**message, "headers": list(self._kept(port, message))}
            await send(message)

        cookies = (value for name, value in headers if name == b"cookie")
        cookies = (c.strip() for value in cookies for c in value.split(b";"))
        cookies = [c for c in cookies if c and not c.startswith(COOKIE)]
        cookies.append(COOKIE + self.sessions[port].encode())
        others = [(name, value) for name, value in headers if name != b"cookie"]
        scope = {**scope, "headers": [*others, (b"cookie", b"; ".join(cookies))]}
        await self.application(scope, receive, send_without_session)

    def _kept(self, port, message):
        """Yield the headers of a response that the page gets; keep its session."""
        for name, value in message["headers"]:
            if name.lower() == b"set-cookie" and value.startswith(COOKIE):
                key = value.removeprefix(COOKIE).partition(b";")[0].strip(b'"')
                self.sessions[port] = key.decode()
            elif name.lower() != b"x-frame-options":
                yield name, value


def signed_in(name):
    """Return the key of a new session in which the user `name` is signed in."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.models import User
    from django.contrib.sessions.backends.db import SessionStore

    user, session = User.objects.get(username=name), SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return session.session_key
