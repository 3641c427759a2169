"""What the verbs share: steps, processes, ports, Redis, and what is said."""
