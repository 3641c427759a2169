"""The chapters as data: their blocks, and the edits that these make."""
