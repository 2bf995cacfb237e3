"""Checks of what was written before: whether it is complete, unchanged and right."""
