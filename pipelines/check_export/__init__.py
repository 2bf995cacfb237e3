"""A check of an export folder: whether it is complete, unchanged and right. It needs no warehouse."""

from pipelines.check_export.check import ExportCheck, Signature, check_export

__all__ = ["ExportCheck", "Signature", "check_export"]
