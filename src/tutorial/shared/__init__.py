"""What the verbs share: steps, processes, ports, git, Redis, and messages."""
