"""Before settlement: what was verified of a period, as of the run's instant.

`verification` and `references` have one row; `tariffs` has one per date, `amount_kinds` one per kind asked
for, `events` one per DR event, `instructions` one per DR event and parent aggregator.
"""

from great_expectations.expectations import ExpectColumnPairValuesToBeEqual, ExpectColumnValuesToBeBetween

from expectations.suite import expect, expect_none

SUITES = {
    "verification": (expect_none("verified_for_this_run", "verified_for_another"),),
    "tariffs": (
        expect("tariff_in_force", ExpectColumnValuesToBeBetween, column="tariffs_in_force", min_value=1),
    ),
    "amount_kinds": (
        expect("kinds_asked_for_have_rates", ExpectColumnValuesToBeBetween, column="rates", min_value=1),
    ),
    "references": tuple(
        expect_none(f"references_of_{facts}", facts)
        for facts in ("sessions", "offers", "leases", "signals", "instructions", "registry")
    ),
    "events": (
        expect("events_have_signals", ExpectColumnValuesToBeBetween, column="signals_to_settle", min_value=1),
    ),
    "instructions": (
        expect(
            "instructions_add_up",
            ExpectColumnPairValuesToBeEqual,
            column_A="instructed_wh",
            column_B="children_instructed_wh",
        ),
    ),
}
