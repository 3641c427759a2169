"""The command `tutorial`; `tutorial --help` lists what it does."""
