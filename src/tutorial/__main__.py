"""The command line: `tutorial run 03 --port 9000`."""

import argparse
import sys

from .maintenance import carry
from .shared.messages import TutorialError
from .verbs import check, diff, measure, notebooks, redis, run, start

VERBS = [run, start, diff, check, carry, redis, measure, notebooks]


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that says a mistake in one line."""

    def error(self, message):
        raise TutorialError(f"{message} ({self.prog} --help shows an example)")


def main(argv=None):
    """Run one verb and return its exit status; a TutorialError is one line and a 2."""
    parser = Parser(prog="tutorial", description=__doc__)
    subparsers = parser.add_subparsers(required=True, metavar="VERB")
    for verb in VERBS:
        verb.add_parser(subparsers)
    try:
        args = parser.parse_args(argv)
        return args.call(args)
    except TutorialError as error:
        print(f"tutorial: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
