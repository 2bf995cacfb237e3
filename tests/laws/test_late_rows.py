"""R6, R24: a row of any kind that comes late, is revised or cancelled books its correction and no other.

Every case is a small world of its own; all share a warehouse, so that what one moves in another shows.
"""

import copy
import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.tariff_files import read_tariffs
from tests.agreement.agreement import _differences, _together
from tests.agreement.product import Product, read_exports
from tests.laws.given import csv_bytes
from tests.oracle import EXPORTS, Delivery, Settlement, World
from tests.oracle import settle as oracle_settle
from tests.oracle import worlds as oracle_worlds

pytestmark = pytest.mark.slow

SCENARIOS = Path(__file__).resolve().parents[1] / "scenarios"
PERIOD, EARLY, BETWEEN, LATE = (
    "2023-12",
    "2024-01-02T00:00:00Z",
    "2024-01-02T12:00:00Z",
    "2024-01-03T00:00:00Z",
)
STATE_THE_BOOKS = {"bookings", "user_points", "manager_fee_reductions"}
IDS = {
    "aggregator_id", "parent_aggregator_id", "child_aggregator_id", "vehicle_id", "user_id", "contract_id",
    "manager_id", "evse_id", "region", "metering_point_id", "offer_id", "lease_id", "session_id",
    "dr_event_id",
}  # fmt: skip
Row = dict[str, str]


def base(feed: str) -> list[Row]:
    return list(csv.DictReader((SCENARIOS / "base" / f"{feed}.csv").read_text().splitlines()))


def rows(header: str, *lines: str) -> list[Row]:
    return list(csv.DictReader([header, *lines]))


# CAR-B feeds back at EVSE-2 under a lease, CAR-R at its own EVSE-1; EVSE-2 is offered the evening before.
WHOLE: dict[str, list[Row]] = {
    **{feed: base(feed) for feed in ("aggregators", "vehicles", "contracts", "evses", "specific_vehicles")},
    "dr_events": base("dr_events")[:1],
    "meter_intervals": rows(
        "metering_point_id,interval_start,import_wh,backfeed_wh,quality",
        "MP-2,2023-12-05T09:30:00Z,0,1000,A",
        "MP-2,2023-12-05T09:00:00Z,0,1000,A",
        "MP-1,2023-12-05T09:00:00Z,0,1000,A",
        "MP-1,2023-12-05T09:30:00Z,0,1000,A",
    ),
    "charger_sessions": rows(
        "session_id,evse_id,vehicle_id,started_at,ended_at,charged_wh,discharged_wh",
        "S-B,EVSE-2,CAR-B,2023-12-05T09:00:00Z,2023-12-05T10:00:00Z,0,2000",
        "S-R,EVSE-1,CAR-R,2023-12-05T09:00:00Z,2023-12-05T10:00:00Z,0,2000",
    ),
    "dr_signals": rows(
        "dr_event_id,vehicle_id,issued_at,amount_kind,amount",
        "EV-SUP,CAR-B,2023-12-05T08:00:00Z,discharge_energy,2000",
        "EV-SUP,CAR-R,2023-12-05T08:00:00Z,discharge_energy,2000",
    ),
    "dr_instructions": rows(
        "dr_event_id,aggregator_id,issued_at,amount_wh", "EV-SUP,AGG-P,2023-12-05T07:00:00Z,4000"
    ),
    "permission_leases": rows(
        "lease_id,evse_id,vehicle_id,kind,granted_at,consent_at,valid_from,valid_to,revoked_at",
        "L-B,EVSE-2,CAR-B,direct,2023-12-01T00:00:00Z,,2023-12-05T08:00:00Z,2023-12-05T12:00:00Z,",
    ),
    "evse_offers": rows(
        "offer_id,evse_id,published_at,offered_from,offered_to",
        "O-2,EVSE-2,2023-12-01T00:00:00Z,2023-12-04T10:00:00Z,2023-12-05T00:00:00Z",
    ),
}


@dataclass(frozen=True)
class Kind:
    """A row of a feed, and who is paid otherwise without it, and with its revision."""

    feed: str
    concerns: Row
    without: frozenset[str]
    revision: Row
    revised: frozenset[str]


BOTH = frozenset({"U-BOB", "M-1"})
MANAGER, RESIDENT = frozenset({"M-1"}), frozenset({"U-RES"})
ALL = BOTH | RESIDENT
NOBODY: frozenset[str] = frozenset()
KINDS = (
    Kind("meter_intervals", {"metering_point_id": "MP-2"}, BOTH, {"backfeed_wh": "600"}, BOTH),
    Kind("charger_sessions", {"session_id": "S-B"}, BOTH, {"vehicle_id": "CAR-A"}, BOTH),
    Kind("permission_leases", {"lease_id": "L-B"}, BOTH, {"revoked_at": "2023-12-05T09:30:00Z"}, BOTH),
    Kind("dr_signals", {"vehicle_id": "CAR-B"}, BOTH, {"amount": "1000"}, BOTH),
    Kind("dr_instructions", {"aggregator_id": "AGG-P"}, NOBODY, {"amount_wh": "5000"}, NOBODY),
    Kind("dr_events", {"dr_event_id": "EV-SUP"}, ALL, {"ends_at": "2023-12-05T09:30:00Z"}, ALL),
    Kind("evse_offers", {"offer_id": "O-2"}, MANAGER, {"offered_to": "2023-12-04T12:00:00Z"}, MANAGER),
    Kind("aggregators", {"aggregator_id": "AGG-C"}, NOBODY, {"parent_aggregator_id": ""}, NOBODY),
    Kind("vehicles", {"vehicle_id": "CAR-B"}, BOTH, {"user_id": "U-NEW"}, frozenset({"U-BOB", "U-NEW"})),
    Kind("contracts", {"contract_id": "CON-1"}, MANAGER, {"manager_id": "M-2"}, frozenset({"M-1", "M-2"})),
    Kind("evses", {"evse_id": "EVSE-2"}, BOTH, {"rated_discharge_w": "6000"}, MANAGER),
    Kind("specific_vehicles", {"vehicle_id": "CAR-R"}, RESIDENT, {"valid_to": "2023-12-01T00:00:00Z"},
         RESIDENT),
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A world that gets one row later, and who is paid otherwise for it."""

    name: str
    world: World
    moved: frozenset[str]


def cases() -> list[Case]:
    made = [_case("nothing", dict(WHOLE), {}, NOBODY)]
    for kind in KINDS:
        row = next(row for row in WHOLE[kind.feed] if kind.concerns.items() <= row.items())
        others = WHOLE | {kind.feed: [each for each in WHOLE[kind.feed] if each is not row]}
        revised = row | kind.revision
        made.append(_case(f"{kind.feed}-late", others, {kind.feed: [row]}, kind.without))
        made.append(_case(f"{kind.feed}-revised", WHOLE, {kind.feed: [revised]}, kind.revised))
        made.append(
            _case(f"{kind.feed}-cancelled", WHOLE, {kind.feed: [_cancelled(kind.feed, row)]}, kind.without)
        )
    return made


def _cancelled(feed: str, row: Row) -> Row:
    """Reads have no row_status: one is taken back by a row without a read."""
    if feed == "meter_intervals":
        return row | {"import_wh": "", "backfeed_wh": "", "quality": "N"}
    return row | {"row_status": "cancelled"}


def _case(name: str, early: dict[str, list[Row]], late: dict[str, list[Row]], moved: frozenset[str]) -> Case:
    def named(row: Row) -> Row:
        return {column: f"{name}:{cell}" if cell and column in IDS else cell for column, cell in row.items()}

    deliveries = [
        Delivery(received_at, feed, f"{received_at[:10]}.csv", [named(row) for row in some])
        for received_at, feeds in ((EARLY, early), (LATE, late))
        for feed, some in feeds.items()
        if some
    ]
    return Case(name, World(deliveries), frozenset(f"{name}:{payee}" for payee in moved))


def tariffs_as_they_stand() -> list[dict[str, Any]]:
    folder = SCENARIOS / "tariffs" / "jp"
    documents = [yaml.safe_load(path.read_text()) for path in sorted(folder.glob("*.yaml"))]
    plain: list[dict[str, Any]] = json.loads(json.dumps(documents, default=str))
    return plain


def tariffs_revised() -> list[dict[str, Any]]:
    documents = copy.deepcopy(tariffs_as_they_stand())
    documents[0]["version"] += "-revised"
    for rate in documents[0]["points"]["rates"]:
        if (rate["amount_kind"], rate["access_class"]) == ("discharge_energy", "leased"):
            rate["per_kwh"] = "44"
    return documents


@dataclass
class Story:
    """What the product exported and what the oracle says, run by run."""

    cases: list[Case]
    folders: dict[str, Path]
    expected: dict[str, list[Settlement]]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("late_rows")
    every = cases()
    merged = oracle_worlds.merged([case.world for case in every])
    product = _product(folder, "as-they-stand", tariffs_as_they_stand())
    landings = oracle_worlds.write_landing(merged, folder / "landing")
    story = Story(every, {}, {})
    for landing, received_at in landings:
        product.deliver(Path(landing), received_at)
        _settle(story, product, received_at, as_of=received_at, documents=tariffs_as_they_stand())
    story.folders["replay"] = product.export(PERIOD, BETWEEN)
    revised = _product(folder, "revised", tariffs_revised())
    _settle(story, revised, "tariffs", as_of=LATE, documents=tariffs_revised())
    return story


def _product(folder: Path, name: str, documents: list[dict[str, Any]]) -> Product:
    where = folder / name
    where.mkdir()
    for document in documents:
        (where / f"{document['version']}.yaml").write_text(yaml.safe_dump(document))
    return Product(folder=folder, tariffs=read_tariffs(where))


def _settle(story: Story, product: Product, run: str, *, as_of: str, documents: list[dict[str, Any]]) -> None:
    earlier = list(story.expected.values())
    story.folders[run] = product.export(PERIOD, as_of)
    story.expected[run] = [
        oracle_settle(
            case.world,
            documents,
            PERIOD,
            as_of,
            booked=[row for run_ in earlier for row in run_[number].bookings],
            initial=not earlier,
        )
        for number, case in enumerate(story.cases)
    ]


@pytest.mark.parametrize("run", [EARLY, LATE, "tariffs"])
def test_each_run_finds_and_books_what_the_oracle_says(story: Story, run: str) -> None:
    assert _differences(read_exports(story.folders[run]), _together(story.expected[run]), label=run) == []


def test_each_row_moves_those_whom_it_concerns_and_nobody_else(story: Story) -> None:
    moved: dict[str, set[str]] = {case.name: set() for case in story.cases}
    for row in read_exports(story.folders[LATE])["bookings"]:
        moved[row["payee_id"].partition(":")[0]].add(row["payee_id"])
    assert moved == {case.name: set(case.moved) for case in story.cases}


def test_a_row_that_pays_nobody_still_moves_what_it_is_about(story: Story) -> None:
    before, after = (read_exports(story.folders[run])["aggregator_achievement"] for run in (EARLY, LATE))
    for kind in ("dr_instructions", "aggregators"):
        for change in ("late", "revised", "cancelled"):
            name = f"{kind}-{change}:"
            then, now = (
                [row for row in found if row["dr_event_id"].startswith(name)] for found in (before, after)
            )
            assert then != now, name


def test_other_tariffs_move_whom_they_pay_otherwise(story: Story) -> None:
    """44 instead of 40 for leased energy: users of leased lines only, where there still is one."""
    found = read_exports(story.folders["tariffs"])
    payees = {row["payee_id"] for row in found["bookings"]}
    leased = {
        (row["dr_event_id"], row["vehicle_id"])
        for row in found["settlement_lines"]
        if row["access_class"] == "leased" and row["payable"] != "0"
    }
    users = {
        row["user_id"] for row in found["dr_achievement"] if (row["dr_event_id"], row["vehicle_id"]) in leased
    }
    assert payees == users
    assert "nothing:U-BOB" in payees and "nothing:U-RES" not in payees


def test_a_replay_as_of_before_the_rows_gives_what_was_known_then(story: Story) -> None:
    then, again = csv_bytes(story.folders[EARLY]), csv_bytes(story.folders["replay"])
    for name in set(EXPORTS) - STATE_THE_BOOKS:
        assert again[name] == then[name], name
    assert read_exports(story.folders["replay"])["bookings"] == []
