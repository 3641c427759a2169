"""What a process and all that it has started use of the machine."""

import contextlib

import psutil


def cpu_and_memory(pid):
    """Return the seconds that they have computed, and the bytes that they have now."""
    cpu = memory = 0
    parent = psutil.Process(pid)
    for each in [parent, *parent.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = each.cpu_times()
            cpu += times.user + times.system
            memory += each.memory_info().rss
    return cpu, memory
