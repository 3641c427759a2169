"""The deletion test: every piece of the steps' Python is deleted in turn.

A piece is a statement, a decorator, or an entry of a list or a dict. Without it a test
of tests/spec or tests/servers has to be red. A piece that no test misses is a survivor:
`survivors.txt` lists it, with a reason. The deletion test is red if a survivor is not
listed, and also if a listed piece is missed: then it has to leave the list.

    python -m tests.deletion            try the steps that have changed
    python -m tests.deletion 05 07      try these steps, changed or not
    python -m tests.deletion --write    ... and write down what was seen

`--write` lists new survivors under "?". Write a test that misses them, delete them from
the steps, or replace the "?" by a reason. It also notes in `tried.txt` what each step
was like; record.py says what counts as a change. For pytest it is one test of a step:
`pytest tests/deletion -m deletion --step 05 -o faulthandler_timeout=0`.

The listed survivors of a step are deleted all at once, and only if a test misses them
half of them at a time. A piece that is not listed is always deleted alone.
"""

import argparse
import sys

from tutorial.shared.messages import TutorialError, say
from tutorial.shared.processes import INTERRUPTED, stop_on_signal
from tutorial.shared.steps import find_step

from . import record
from .trial import RedStep, Trials


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.deletion")
    parser.description = __doc__.partition("\n\n")[0]
    parser.add_argument("steps", nargs="*", metavar="STEP", help="3, 03 or its name")
    parser.add_argument("--write", action="store_true", help="write down what was seen")
    args = parser.parse_args()
    with stop_on_signal():
        try:
            return run(args.steps, args.write)
        except (TutorialError, RedStep) as error:
            print(f"{parser.prog}: {error}", file=sys.stderr)
            return 2
    return INTERRUPTED


def run(names, write):
    """Try steps and say what came of them; return 0 if all is as listed, else 1."""
    listed = record.read_survivors()
    steps = [find_step(name) for name in names] or record.changed_steps(listed)
    if not steps:
        say("No step has changed since it was tried.")
    trials, status = Trials(), 0
    for step in steps:
        say(f"Trying {step.name}, for some minutes ...")
        known = listed[step.number]
        result = trials.of_step(step, set(known))
        say(result)
        for line in differences(step, set(known), result.survivors):
            say(line)
            status = 1
        if write:
            new = {key: known.get(key, record.NO_REASON) for key in result.survivors}
            listed[step.number] = new
            record.write_survivors(listed)
            record.write_tried(step, listed)
    return status


def differences(step, listed, survivors):
    """Return a line for each piece that is only in one of two sets of keys."""
    lines = {"survives, and is not listed": survivors - listed}
    lines["is listed, and does not survive"] = listed - survivors
    return [
        f"steps/{step.name}/{path}: {name}\n    {what}"
        for what, keys in lines.items()
        for path, name in sorted(keys)
    ]


if __name__ == "__main__":
    sys.exit(main())
