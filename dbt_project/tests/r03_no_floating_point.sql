-- depends_on: {{ ref('performances') }}
-- depends_on: {{ ref('lines') }}
-- depends_on: {{ ref('contracts') }}
-- depends_on: {{ ref('offerings') }}
-- depends_on: {{ ref('lease_exchanges') }}
-- depends_on: {{ ref('dr_intervals') }}
-- depends_on: {{ ref('aggregator_achievement') }}
-- depends_on: {{ ref('energy_balance') }}
-- depends_on: {{ ref('exceptions') }}
select
    schema_name,
    table_name,
    column_name,
    data_type,
from duckdb_columns()
where
    database_name = current_database()
    and schema_name in ('staging', 'intermediate', 'verified')
    and regexp_matches(data_type, 'DOUBLE|FLOAT|REAL|DECIMAL')
