"""What people look at instead of reading: a report per run, and a statement per user or manager.

Figures are read by SQL from the warehouse, which is never written; plots and pages follow from them alone.
"""
