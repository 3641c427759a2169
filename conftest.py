"""The options of the tests. Here, because pytest reads this file before its options."""

from pathlib import Path

# Held back: they need a server or a browser, or they wait, or they follow a chapter.
SLOW = ("waiting", "server", "browser")
HELD_BACK = (*SLOW, "chapter")


def pytest_addoption(parser):
    group = parser.getgroup("steps of the tutorial")
    group.addoption("--step", help="run what holds at this step: 3, 03 or its name")
    group.addoption(
        "--project",
        type=Path,
        metavar="PATH",
        help="with --step: test this folder, not the step's own. Write --project=PATH: "
        "what follows a space pytest takes for a place to look for its settings",
    )
    group.addoption(
        "--everything",
        action="store_true",
        help=f"also run the tests marked {', '.join(HELD_BACK)}",
    )
    group.addoption(
        "--share",
        metavar="K/N",
        help="of the tests, run the Kth of each N",
    )
    group.addoption(
        "--first-and-last",
        choices=("slow", "all"),
        help=f"of the tests marked {', '.join(SLOW)}, or of all, run those that hold "
        "at the step for the first or for the last time",
    )
