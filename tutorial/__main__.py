"""The command line: `tutorial run 03 --port 9000`."""

import argparse
import sys

from . import run
from .errors import TutorialError

VERBS = [run]


def main(argv=None):
    """Run one verb and return its exit status; a TutorialError is one line and a 2."""
    parser = argparse.ArgumentParser(prog="tutorial", description=__doc__)
    subparsers = parser.add_subparsers(required=True, metavar="VERB")
    for verb in VERBS:
        verb.add_parser(subparsers)
    args = parser.parse_args(argv)
    try:
        return args.call(args)
    except TutorialError as error:
        print(f"tutorial: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
