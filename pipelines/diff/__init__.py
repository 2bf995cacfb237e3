"""`vgi diff`: what changed between two runs of a period, by key, and which deliveries caused it (R6, R23, R24)."""

from pipelines.diff.report import Difference, diff_runs

__all__ = ["Difference", "diff_runs"]
