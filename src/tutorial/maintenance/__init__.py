"""What only the maintainers of the steps need."""
