"""Crash safety (R23, R24): commands that are killed, find no space or meet another, and are run again."""
