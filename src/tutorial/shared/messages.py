"""What the tool says, and what it says when it cannot go on."""


class TutorialError(Exception):
    """One line for the person at the keyboard: what is wrong, and what to do next."""


def say(text):
    """Print `text` at once, also into a pipe."""
    print(text, flush=True)
