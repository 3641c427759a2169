"""Start, check, compare and run the steps of this tutorial."""

import argparse
import contextlib
import difflib
import importlib
import os
import sys

from .shared.messages import TutorialError
from .shared.processes import INTERRUPTED

EDITING = ("start", "diff", "check", "carry")
VERBS = ("run", "deploy", "stage", *EDITING, "redis", "measure", "bench", "notebooks")


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that reports a mistake in one line, with an example."""

    def error(self, message):
        raise TutorialError(f"{message}. {self.epilog}")


def main(argv=None):
    """Run one command; return its exit status, which is 2 after an error.

    A TutorialError, and an OSError of the system, are reported in one line.
    """
    try:
        if sys.stdout is None:
            raise TutorialError("the output is closed: use >/dev/null, not >&-.")
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
        gone = isinstance(error, FileNotFoundError) and error.filename is None
        reason = "the current folder does not exist any more: change to another one"
        print(f"tutorial: {reason if gone else error}.", file=sys.stderr)
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
    for name in VERBS:
        # Not above: Ctrl-C during the imports would print a traceback.
        folder = "maintenance" if name == "carry" else "verbs"
        module = importlib.import_module(f"tutorial.{folder}.{name}")
        module.add_parser(subparsers)
        subparsers.choices[name].description = module.__doc__.partition("\n")[0]
    verbs = subparsers.choices
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
