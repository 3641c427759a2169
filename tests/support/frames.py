"""What frames say of who is in a room, from step 07 on."""


def joined(name):
    """Return the frame that says that this person has come."""
    return {"type": "presence.joined", "user": name}


def left(name):
    """Return the frame that says that this person has gone."""
    return {"type": "presence.left", "user": name}


async def listed(socket):
    """Return the names on the list that a socket is given at entering, sorted."""
    frame = await socket.see()
    assert frame.keys() == {"type", "users"}
    assert frame["type"] == "presence.list"
    return sorted(frame["users"])
