"""A check of the warehouse with its store: whether both still hold what was written."""
