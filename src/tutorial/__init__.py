"""The tool beside the steps. `tutorial --help` lists what it does."""
