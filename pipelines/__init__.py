"""The shell: the one place that reads files, the clock and the environment, and opens DuckDB.

The border, called by the command and by whoever schedules: `ingest.ingest`, `settle.verify_period`,
`settle.settle`, `approval.approve`, `approval.reject` and `approval.decide`, `export.export_run`,
`main_job.run_main_job` (these in turn), the `gates`, `touched`, `audit_docs.build_docs`, `pages`,
`status.read_status`, `exceptions.read_exceptions`, `diff.diff_runs`, `summary.summarise` and
`simulate.simulate`. They are imported from their modules: so
the command answers without loading what it does not need.
"""
