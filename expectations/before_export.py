"""Before export: what a run stored, what was booked, and the files about to be placed.

`meters` has a row per direction of energy, `files` one per file; `balances` and `ledger` have one.
"""

from great_expectations.expectations import ExpectColumnPairValuesToBeEqual, ExpectTableRowCountToEqual

from expectations.suite import expect, expect_none

SUITES = {
    "meters": (
        expect(
            "metered_is_attributed",
            ExpectColumnPairValuesToBeEqual,
            column_A="metered_wh",
            column_B="attributed_and_unattributed_wh",
        ),
    ),
    "balances": (
        expect_none("performances_are_their_lines", "performances_unequal"),
        expect_none("utility_is_its_vehicles", "utility_unequal"),
        expect_none("children_are_their_vehicles", "children_unequal"),
        expect_none("utility_is_its_parents", "instructed_unequal"),
        expect_none("users_are_their_lines", "users_unequal"),
        expect_none("claims_are_amounts", "claims_unequal"),
    ),
    "ledger": (
        expect_none("statements_are_found", "found_unequal"),
        expect_none("statements_are_booked", "booked_unequal"),
        expect_none("bookings_are_claims", "bookings_unequal"),
        expect_none("debits_are_credits", "entries_unequal"),
        expect_none("payees_have_bookings", "payees_without_booking"),
        expect_none("replays_book_nothing", "bookings_of_replay"),
    ),
    "files": (
        expect("every_file_is_judged", ExpectTableRowCountToEqual, value={"$PARAMETER": "files"}),
        expect(
            "files_hold_every_row",
            ExpectColumnPairValuesToBeEqual,
            column_A="rows_stored",
            column_B="rows_written",
        ),
        expect(
            "control_totals_are_stored",
            ExpectColumnPairValuesToBeEqual,
            column_A="totals_stored",
            column_B="totals_written",
        ),
        expect_none("cells_are_formula_safe", "unsafe_cells"),
    ),
}
