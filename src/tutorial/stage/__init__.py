"""The stage: two people's pages, the wire between them, and what a chapter changes."""
