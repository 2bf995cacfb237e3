"""The way from any amount back to the delivered rows: `vgi explain`."""

from pipelines.explain.explanation import Explanation, explain
from pipelines.explain.subjects import Kind, Subject

__all__ = ["Explanation", "Kind", "Subject", "explain"]
