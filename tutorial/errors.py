"""What the tool says when it cannot go on."""


class TutorialError(Exception):
    """One line for the person at the keyboard: what is wrong, and what to do next."""
