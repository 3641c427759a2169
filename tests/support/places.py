"""Where an error comes from, in the words that a learner reads."""

import sys
import traceback
from pathlib import Path


def explain(error, folder, which=-1):
    """Return "chat/routing.py, line 3: NameError: …", with the last line in `folder`.

    `which` chooses another line: 0 is the first. The place is left out if no line in
    `folder` is involved. Of an AssertionError only the message is returned, which may
    be empty. Notes that add_note() has added follow in brackets.
    """
    reason = error.msg if isinstance(error, SyntaxError) else str(error)
    reason = " ".join(reason.split())
    if "'coroutine' object" in reason:
        reason += " (is an `await` missing?)"
    if notes := getattr(error, "__notes__", []):
        reason = f"{reason.rstrip('.')} ({', '.join(notes)})".strip()
    if not isinstance(error, AssertionError):
        reason = f"{type(error).__name__}: {reason}".removesuffix(": ")
    places = places_in(folder, error)
    return f"{places[which]}: {reason}" if places and reason else reason


def places_in(folder, error):
    """Return the lines in `folder` that raised it, as "chat/routing.py, line 3".

    A middleware, which only passes on what others raise, does not count.
    """
    frames = traceback.extract_tb(error.__traceback__)
    lines = [(f.filename, f.lineno) for f in frames[:-1] if f.name != "__call__"]
    lines += [(f.filename, f.lineno) for f in frames[-1:]]
    if isinstance(error, SyntaxError) and error.filename:
        lines.append((error.filename, error.lineno))
    return among(folder, lines)


def running_in(folder):
    """Return {what identifies a call: the line in `folder` that its thread is at}.

    The calls are those, in all threads, of what is defined in `folder`.
    """
    calls = {}
    for thread, top in sys._current_frames().items():
        stack = list(traceback.walk_stack(top))  # the innermost call first
        lines = [(frame.f_code.co_filename, number) for frame, number in stack]
        for (frame, _), line in zip(stack, lines, strict=True):
            if among(folder, [line]):
                # Not the frame itself, which would keep alive all that it has made.
                calls[thread, id(frame)] = among(folder, lines)[0]
    return calls


def among(folder, lines):
    """Return those of the lines (file, number) that are in `folder`, as text."""
    return [
        f"{Path(file).relative_to(folder)}, line {number}"
        for file, number in lines
        if Path(file).is_relative_to(folder)
    ]
