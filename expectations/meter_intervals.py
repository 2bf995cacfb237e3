"""Landing, feed `meter_intervals`: the days that one ingest touched, in one row."""

from expectations.suite import expect_none

SUITES = {
    "meter_intervals": (
        expect_none("meter_days_are_complete", "meter_days_incomplete"),
        expect_none("one_read_per_half_hour", "meter_days_doubled"),
        expect_none("backfeed_within_rating", "meter_days_above_rating"),
    )
}
