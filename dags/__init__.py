"""When what runs: Airflow's DAGs, which call `pipelines` and hold no rule, no SQL and no amount."""
