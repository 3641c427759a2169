"""Start, check, compare and run the steps of this tutorial."""

import argparse
import contextlib
import difflib
import os
import sys

from .maintenance import carry
from .shared.messages import TutorialError
from .shared.processes import INTERRUPTED
from .verbs import (
    bench,
    check,
    deploy,
    diff,
    measure,
    notebooks,
    redis,
    run,
    stage,
    start,
)

EDITING = [start, diff, check, carry]
VERBS = [run, deploy, stage, *EDITING, redis, measure, bench, notebooks]


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that reports a mistake in one line, with an example."""

    def error(self, message):
        raise TutorialError(f"{message}. {self.epilog}")


def main(argv=None):
    """Run one command; return its exit status, which is 2 after an error.

    A TutorialError, and an OSError of the system, are reported in one line.
    """
    try:
        sys.stdout.reconfigure(errors="backslashreplace")  # it may know ASCII only
        args = parsed(sys.argv[1:] if argv is None else argv)
        status = args.call(args)
        print(end="", flush=True)
        return status
    except TutorialError as error:
        print(f"tutorial: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader has gone, as in `tutorial measure | true`
        discard_output()
        return 1
    except OSError as error:
        print(f"tutorial: {error}.", file=sys.stderr)
        discard_output()
        return 2


def discard_output():
    """Write what is still in the buffer if it can be written, and nothing after it."""
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def parsed(argv):
    """Return the arguments of a command; `call` is the function that takes them."""
    example = "Example: tutorial run 03"
    parser = Parser(prog="tutorial", description=__doc__, epilog=example)
    subparsers = parser.add_subparsers(metavar="COMMAND")
    for module in VERBS:
        module.add_parser(subparsers)
    verbs = subparsers.choices
    for verb, module in zip(verbs.values(), VERBS, strict=True):
        verb.description = module.__doc__.partition("\n")[0]
    name, *rest = argv or [""]
    if name in verbs:
        return verbs[name].parse_args(rest)
    if name in ("-h", "--help"):
        parser.parse_args([name])
    wrong = f"there is no command {name!r}" if name else "a command is missing"
    for near in difflib.get_close_matches(name, verbs, n=1):
        raise TutorialError(f"{wrong}; did you mean {near!r}? {verbs[near].epilog}")
    parser.error(f"{wrong}; choose one of {', '.join(verbs)}")


if __name__ == "__main__":
    sys.exit(main())
