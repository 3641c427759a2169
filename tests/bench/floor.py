"""The floor: `python floor.py PORT` passes each text on to its room, without a broker.

It is what the package websockets itself offers for a room: `broadcast()` in its
documentation. The path of a socket names its room.
"""

import asyncio
import sys
from collections import defaultdict

from websockets.asyncio.server import broadcast, serve

rooms = defaultdict(set)


async def member(socket):
    members = rooms[socket.request.path]
    members.add(socket)
    try:
        async for text in socket:
            broadcast(members, text)
    finally:
        members.discard(socket)


async def main(port):
    async with serve(member, "127.0.0.1", port) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
