"""Which version of a row counts (R6), as one SQL condition for all who read what was delivered.

The dbt project has the same in `macros/versions.sql`.
"""

from typing import Final

WITHDRAWN: Final = "withdrawn"

WITHDRAWALS_TABLE = """
    create table if not exists raw.withdrawals (
        delivery_no integer not null,
        withdrawn_at timestamp not null,
        reason varchar not null,
        "by" varchar not null,
    )
"""

# The deliveries whose rows are seen now.
SEEN_NOW = """
    select delivery_no from raw.deliveries
    where outcome = 'loaded' and delivery_no not in (select delivery_no from raw.withdrawals)
"""


def in_force(rows: str, *, deliveries: str) -> str:
    """SQL: the row of the table `rows` comes from a delivery that `deliveries`, a query, selects, and none of
    the later ones it selects has the key again. A version in force may yet be a cancellation.
    """
    return f"""
        {rows}.delivery_no in ({deliveries})
        and not exists (
            select 1
            from raw.supersessions as supersession
            where
                supersession.delivery_no = {rows}.delivery_no
                and supersession.row_no = {rows}.row_no
                and supersession.superseded_by_delivery_no in ({deliveries})
        )
    """
