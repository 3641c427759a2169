"""What only those who change the steps need."""
