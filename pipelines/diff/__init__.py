"""`vgi diff`: what changed between two runs of a period, by key, and which deliveries caused it."""

from pipelines.diff.report import Difference, diff_runs

__all__ = ["Difference", "diff_runs"]
