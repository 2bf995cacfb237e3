"""Landing, feed `charger_sessions`: the sessions that one ingest brought, in one row."""

from expectations.suite import expect_none

SUITES = {
    "charger_sessions": (
        expect_none("charged_within_rating", "charged_above_rating"),
        expect_none("discharged_within_rating", "discharged_above_rating"),
    )
}
