# ruff: noqa: F401
"""What a command imports, imported once: the time of a killed one is then work, not the start of Python."""

import dbt.adapters.duckdb.connections
import dbt.cli.main

import expectations.judge
import pipelines.cli
import pipelines.main_job
import pipelines.render
