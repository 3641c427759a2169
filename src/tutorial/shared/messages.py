"""What the tool prints, also when it cannot continue."""


class TutorialError(Exception):
    """One line for the person at the keyboard: what is wrong, and what to do."""


def say(text):
    """Print `text` immediately, even into a pipe."""
    print(text, flush=True)
