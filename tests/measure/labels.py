"""What a label with many values costs: `python -m tests.measure.labels`."""

import time

import psutil
from prometheus_client import CollectorRegistry, Histogram, generate_latest

ROOMS = 10_000


def main():
    process = psutil.Process()
    registry = CollectorRegistry()
    messages = Histogram("seconds", "A message.", ["room"], registry=registry)
    before = process.memory_info().rss
    for number in range(ROOMS):
        messages.labels(f"room_{number}").observe(0.004)
    memory = process.memory_info().rss - before
    start = time.process_time()
    page = generate_latest(registry)
    took = time.process_time() - start
    print(
        f"{ROOMS} rooms: {memory / 1e6:.0f} MB of memory, a page of "
        f"{len(page) / 1e6:.1f} MB, {took:.2f} s of CPU time"
    )


if __name__ == "__main__":
    main()
