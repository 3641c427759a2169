"""The chapters as data: their blocks, and the edits that the blocks make."""
