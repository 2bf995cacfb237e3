"""Landing: what became of the files of one ingest.

`deliveries` has a row per delivery, `feeds` one per feed.
"""

from great_expectations.expectations import (
    ExpectColumnPairValuesToBeEqual,
    ExpectColumnValuesToBeBetween,
    ExpectColumnValuesToBeInSet,
    ExpectTableRowCountToEqual,
)

from expectations.catalogue import MOST_DAYS_BEHIND, MOST_QUARANTINED_BP
from expectations.suite import expect, expect_none

SUITES = {
    "deliveries": (
        expect("every_delivery_is_judged", ExpectTableRowCountToEqual, value={"$PARAMETER": "deliveries"}),
        expect(
            "delivery_rows_add_up",
            ExpectColumnPairValuesToBeEqual,
            column_A="rows_in",
            column_B="rows_accounted_for",
        ),
        expect(
            "accepted_rows_are_loaded",
            ExpectColumnPairValuesToBeEqual,
            column_A="rows_accepted",
            column_B="rows_loaded",
        ),
        expect_none("quarantine_has_reasons", "quarantined_without_reason"),
        expect("deliveries_are_read", ExpectColumnValuesToBeInSet, column="outcome", value_set=["loaded"]),
        expect(
            "quarantine_rate_is_low",
            ExpectColumnValuesToBeBetween,
            column="quarantined_bp",
            min_value=0,
            max_value=MOST_QUARANTINED_BP,
        ),
    ),
    "feeds": (
        expect_none("columns_within_domain", "rows_outside_domain"),
        expect_none("row_rules_hold", "rows_breaking_rules"),
        expect_none("one_version_in_force", "keys_doubled"),
        expect_none("facts_are_not_ahead", "facts_ahead"),
        expect(
            "facts_are_fresh",
            ExpectColumnValuesToBeBetween,
            column="days_behind",
            max_value=MOST_DAYS_BEHIND,
        ),
    ),
}
