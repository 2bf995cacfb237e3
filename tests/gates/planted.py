"""A fault for every expectation: in a delivery, or in the warehouse where no delivery can bring it about."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tests.pipeline.programme import METER_HEADER, REGISTRY, meter_rows, write_feed
from tests.pipeline.world import JANUARY_5, NOW

Reads = dict[str, int]
READS: Reads = {"MP-1": 1000, "MP-2": 750}


@dataclass(frozen=True, kw_only=True)
class Planted:
    """A fault and the expectation that has to turn red with it; `also` are those that cannot but turn too.

    `key` stands in the sentence.
    """

    name: str
    key: str
    also: frozenset[str] = frozenset()
    sql: str = ""


@dataclass(frozen=True, kw_only=True)
class Delivered(Planted):
    """A fault in what is delivered: `write` changes the landing folder."""

    write: Callable[[Path], None] = lambda _: None
    received_at: datetime = JANUARY_5


def write_sound_landing(landing: Path) -> None:
    """A small programme in which nothing is at fault."""
    for feed in ("vehicles", "evses", "charger_sessions", "dr_events"):
        write_feed(landing, feed, REGISTRY[feed])
    _write_reads(landing, meter_rows(READS))


def _write_reads(landing: Path, rows: list[str]) -> None:
    write_feed(landing, "meter_intervals", [METER_HEADER, *rows])


def _without_the_second_half_hour(landing: Path) -> None:
    rows = meter_rows(READS)
    _write_reads(landing, [rows[0], *rows[2:]])


def _with_a_read_to_come(landing: Path) -> None:
    _write_reads(landing, [*meter_rows(READS), "MP-3,2024-01-06T00:00:00Z,0,0,A"])


def _with_too_much_backfeed(landing: Path) -> None:
    _write_reads(landing, meter_rows({**READS, "MP-1": 3001}))


def _with_a_session(energies: str) -> Callable[[Path], None]:
    header, first, second = REGISTRY["charger_sessions"]
    lines = [header, f"{first.rsplit(',', 2)[0]},{energies}", second]
    return lambda landing: write_feed(landing, "charger_sessions", lines)


def _with_bad_rows(landing: Path) -> None:
    _write_reads(landing, [*meter_rows(READS), "MP-1,not an instant,0,0,A"])


def _with_a_file_of_another_feed(landing: Path) -> None:
    write_feed(landing, "vehicles", REGISTRY["contracts"], name="2.csv")


LANDING = (
    Delivered(name="deliveries_are_read", key="vehicles/2.csv", write=_with_a_file_of_another_feed),
    Delivered(name="quarantine_rate_is_low", key="meter_intervals/1.csv", write=_with_bad_rows),
    Delivered(
        name="facts_are_not_ahead",
        key="meter_intervals: MP-3 2024-01-06 00:00:00",
        write=_with_a_read_to_come,
    ),
    Delivered(name="facts_are_fresh", key="meter_intervals", received_at=NOW),
    Delivered(
        name="meter_days_are_complete",
        key="MP-1 2023-12-04 (3 of 4)",
        write=_without_the_second_half_hour,
    ),
    Delivered(
        name="backfeed_within_rating",
        key="MP-1 2023-12-04 (3001 Wh in a half hour at 6000 W)",
        write=_with_too_much_backfeed,
    ),
    Delivered(
        name="charged_within_rating",
        key="S-1 at E-1 (12001 Wh in 7200 s at 6000 W)",
        write=_with_a_session("12001,0"),
    ),
    Delivered(
        name="discharged_within_rating",
        key="S-1 at E-1 (12001 Wh in 7200 s at 6000 W)",
        write=_with_a_session("0,12001"),
    ),
    Delivered(
        name="every_delivery_is_judged",
        key="registered: 4",
        sql="delete from raw.deliveries where feed = 'vehicles'",
    ),
    Delivered(
        name="delivery_rows_add_up",
        key="vehicles/1.csv",
        sql="update raw.deliveries set rows_duplicate = 1 where feed = 'vehicles'",
    ),
    Delivered(
        name="accepted_rows_are_loaded",
        key="vehicles/1.csv",
        sql="delete from raw.vehicles where vehicle_id = 'V-1'",
    ),
    Delivered(
        name="quarantine_has_reasons",
        key="vehicles/1.csv",
        sql="update raw.deliveries set rows_in = 3, rows_quarantined = 1 where feed = 'vehicles'",
        also=frozenset({"quarantine_rate_is_low"}),
    ),
    Delivered(
        name="columns_within_domain",
        key="vehicles: V-1 2023-01-01 00:00:00",
        sql="update raw.vehicles set powertrain = 'steam' where vehicle_id = 'V-1'",
    ),
    Delivered(
        name="row_rules_hold",
        key="dr_events: D-1",
        sql="update raw.dr_events set ends_at = starts_at",
    ),
    Delivered(
        name="one_version_in_force",
        key="vehicles: V-1 2023-01-01 00:00:00",
        sql="update raw.vehicles set vehicle_id = 'V-1'",
    ),
    Delivered(
        name="one_read_per_half_hour",
        key="MP-1 2023-12-04",
        sql="""
            update raw.meter_intervals set interval_start = timestamp '2023-12-04 09:00:00'
            where metering_point_id = 'MP-1' and interval_start = timestamp '2023-12-04 09:30:00'
        """,
    ),
)


def _unknown(facts: str, fact: str, missing: str) -> Planted:
    return Planted(
        name=f"references_of_{facts}",
        key=f"{fact} names {missing}",
        sql=f"insert into intermediate.int_unknown_references values ('{fact}', '{missing}')",
    )


BEFORE_SETTLEMENT = (
    Planted(
        name="verified_for_this_run",
        key="2023-12-of-another",
        sql="update control.verified_for set identity = '2023-12-of-another models'",
    ),
    Planted(
        name="tariff_in_force",
        key="2023-12-01; 2023-12-04",
        sql="update control.run_tariffs set effective_from = date '2023-12-05'",
    ),
    Planted(
        name="kinds_asked_for_have_rates",
        key="charge_energy",
        sql="update intermediate.int_signals set amount_kind = 'charge_energy' where vehicle_id = 'V-1'",
    ),
    _unknown("sessions", "session S-1", "EVSE E-9"),
    _unknown("offers", "offer O-1", "EVSE E-9"),
    _unknown("leases", "lease L-1", "vehicle V-9"),
    _unknown("signals", "signal of event D-1 issued at 2023-12-04T07:30:00Z", "vehicle V-9"),
    _unknown("instructions", "instruction of event D-1 issued at 2023-12-04T07:30:00Z", "aggregator CA-9"),
    _unknown("registry", "EVSE E-1", "contract C-9"),
    Planted(
        name="events_have_signals",
        key="D-1",
        sql="update intermediate.int_signals set is_settled = false",
    ),
    Planted(
        name="instructions_add_up",
        key="D-1 PA-1 (8000 Wh, its children 7000 Wh)",
        sql="update intermediate.int_instructions set amount_wh = 7000 where level = 'child'",
    ),
)

BEFORE_EXPORT = (
    Planted(
        name="metered_is_attributed",
        key="backfeed",
        sql="update results.energy_balance set unattributed_wh = 1 where direction = 'backfeed'",
    ),
    Planted(
        name="performances_are_their_lines",
        key="D-1 V-1 (4001, not 4000)",
        sql="update results.dr_achievement set payable = payable + 1 where vehicle_id = 'V-1'",
    ),
    Planted(
        name="utility_is_its_vehicles",
        key="D-1 (7001, not 7000)",
        sql="update results.aggregator_achievement set achieved_wh = 7001 where level = 'utility'",
    ),
    Planted(
        name="children_are_their_vehicles",
        key="D-1 CA-1 (7001, not 7000)",
        sql="update results.aggregator_achievement set achieved_wh = 7001 where level = 'child'",
    ),
    Planted(
        name="utility_is_its_parents",
        key="D-1 (8000, not 7999)",
        sql="update results.aggregator_achievement set instructed_wh = 7999 where level = 'parent'",
    ),
    Planted(
        name="users_are_their_lines",
        key="U-1 (160, not 161)",
        sql="update results.settlement_lines set points = points + 1 where vehicle_id = 'V-1'",
    ),
    Planted(
        name="claims_are_amounts",
        key="user U-1 (161, not 160)",
        sql="update results.claims set amount = amount + 1 where payee_id = 'U-1'",
        also=frozenset({"bookings_are_claims"}),
    ),
    Planted(
        name="statements_are_found",
        key="user U-1 (161, not 160)",
        sql="update results.user_points set points = points + 1 where user_id = 'U-1'",
    ),
    Planted(
        name="statements_are_booked",
        key="user U-1 (161, not 160)",
        sql="update results.user_points set booked_now = booked_now + 1 where user_id = 'U-1'",
    ),
    Planted(
        name="bookings_are_claims",
        key="user U-1 D-1 V-1 E-1 L-1 leased point (160, not 161)",
        sql="update books.bookings set amount = amount + 1 where payee_id = 'U-1'",
        also=frozenset({"statements_are_booked", "debits_are_credits"}),
    ),
    Planted(
        name="debits_are_credits",
        key="(160, debits 161, credits 160)",
        sql="update books.entries set amount = 161 where side = 'debit' and amount = 160",
    ),
    Planted(
        name="payees_have_bookings",
        key="user U-1",
        sql="delete from books.bookings where payee_id = 'U-1'",
        also=frozenset({"statements_are_booked", "bookings_are_claims"}),
    ),
    Planted(
        name="cells_are_formula_safe",
        key="exceptions.csv detail '=1+1'",
        sql="update results.exceptions set detail = '=1+1'",
    ),
)
# Planted in the code that writes the files, or in a replay: see test_gates.py.
ELSEWHERE = frozenset(
    {"every_file_is_judged", "files_hold_every_row", "control_totals_are_stored", "replays_book_nothing"}
)
