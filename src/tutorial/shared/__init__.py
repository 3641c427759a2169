"""What the commands share: steps, processes, ports, git, Redis and messages."""
