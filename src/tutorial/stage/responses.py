"""What an ASGI application sends back to a request."""


async def respond(send, status, body, kind="text/plain", headers=()):
    """Send a whole response, which no browser keeps; `headers` are pairs of bytes."""
    headers = [
        (b"content-type", f"{kind}; charset=utf-8".encode()),
        (b"cache-control", b"no-store"),
        (b"content-length", b"%d" % len(body)),
        *headers,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def refuse(scope, send, reason=b"Forbidden", kind="text/plain"):
    """Refuse a request, or a handshake: both get 403."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close"})
    else:
        await respond(send, 403, reason, kind)
