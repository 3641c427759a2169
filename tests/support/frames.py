"""The frames that say who is in a room, from step 07 on."""


def joined(name):
    """Return the frame that says that this person has joined."""
    return {"type": "presence.joined", "user": name}


def left(name):
    """Return the frame that says that this person has left."""
    return {"type": "presence.left", "user": name}


async def listed(socket):
    """Return the sorted names on the list that a socket receives when it enters."""
    frame = await socket.see()
    assert frame.keys() == {"type", "users"}
    assert frame["type"] == "presence.list"
    return sorted(frame["users"])


async def list_is(socket, names):
    """Fail unless the list that a socket receives when it enters has these names."""
    seen = await listed(socket)
    assert seen == names, f"the list is {seen}, not {names}"
