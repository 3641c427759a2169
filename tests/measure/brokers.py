"""What each broker costs, and loses: `python -m tests.measure.brokers`.

Fifty people are in one room of the newest step, on one daphne. Some of them write; each
message is delivered to all fifty. It prints, for each broker:

- the CPU time of daphne for each delivered message, and that of the broker;
- the memory of the broker, at the end;
- how many of 3,000 events arrive that are sent to a channel whose consumer is stalled,
  through a layer of the same settings in a process of its own.

CPU time, and not how long it takes: that depends on what else runs on the machine.
"""

import asyncio
import tempfile
from pathlib import Path

from tests.support.crowd import sign_in_crowd
from tests.support.rabbitmq import rabbitmq
from tests.support.real_sockets import enter
from tests.support.site import Site
from tests.support.usage import cpu_and_memory
from tests.support.valkey import pid_of, url_of, valkey
from tutorial.shared.steps import all_steps

PEOPLE, MESSAGES = 50, 100
BURST = """
import asyncio
from channels.layers import get_channel_layer

async def main():
    layer = get_channel_layer()
    name = await layer.new_channel()
    await layer.group_add("burst", name)
    # The consumer has begun to receive, and does something else for a while.
    receiving = asyncio.create_task(layer.receive(name))
    await layer.group_send("burst", {"type": "begin"})
    await receiving
    for number in range(3000):
        await layer.group_send("burst", {"type": "more", "text": "x" * 200})
    got = 0
    try:
        while True:
            await asyncio.wait_for(layer.receive(name), 5)
            got += 1
    except TimeoutError:
        print("arrived:", got)
    if hasattr(layer, "_multi_queue"):
        await layer.close()

asyncio.run(main())
"""


async def room(server, cookies):
    """Let all be in a room, and write in turns; return daphne's CPU time for it."""
    sockets = [await enter(server, cookie, "many") for cookie in cookies]
    for socket in sockets:
        await socket.read_history()
    before, _ = cpu_and_memory(server.process.pid)
    for number in range(MESSAGES):
        await sockets[number % PEOPLE].send(f"Message {number}")
        for socket in sockets:
            assert (await socket.hear())["message"] == f"Message {number}"
    after, _ = cpu_and_memory(server.process.pid)
    for socket in sockets:
        await socket.close()
    return after - before


def measure(site, cookies, name, broker_pid, variables):
    """Print one line of the table."""
    with site.daphne(**variables) as server:
        before, _ = cpu_and_memory(broker_pid)
        used = asyncio.run(room(server, cookies))
        after, memory = cpu_and_memory(broker_pid)
    broker = after - before
    delivered = PEOPLE * MESSAGES
    command = ["manage.py", "shell", "-v", "0", "-c", BURST]
    said = site.run(*command, **variables)[1]
    arrived = said.partition("arrived: ")[2].split("\n")[0] or said[-300:]
    print(
        f"{name}: daphne {used / delivered * 1e6:.0f} µs, broker "
        f"{broker / delivered * 1e6:.0f} µs for each of {delivered} deliveries; "
        f"memory of the broker {memory / 2**20:.0f} MB; {arrived} of 3000 arrived",
        flush=True,
    )


def main():
    with (
        valkey() as redis,
        rabbitmq() as rabbit,
        tempfile.TemporaryDirectory(prefix="brokers-") as folder,
    ):
        site = Site(all_steps()[-1].path, Path(folder, "copy"), url_of(redis))
        cookies = list(sign_in_crowd(site, "student", PEOPLE).values())
        pid = pid_of(redis)
        others = {"BROKER": "rabbitmq", "RABBITMQ_URL": rabbit.url}
        measure(site, cookies, "Redis, core", pid, {"BROKER": "redis"})
        measure(site, cookies, "Redis, pub/sub", pid, {"BROKER": "pubsub"})
        measure(site, cookies, "RabbitMQ", rabbit.process.pid, others)


if __name__ == "__main__":
    main()
