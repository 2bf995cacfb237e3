"""A small programme whose deliveries are real and whose verification is given: one performance is held at
first and settled with the correction.
"""

from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelines.export import Exported
from pipelines.ingest import ingest
from tests.pipeline.programme import METER_HEADER, meter_rows, write_feed, write_landing
from tests.pipeline.world import JANUARY_5, JANUARY_9, NOW, World


@dataclass(frozen=True, kw_only=True)
class Programme:
    """The programme's warehouse, with its first settlement and the correction, as they were exported."""

    warehouse: Path
    first: Exported
    correction: Exported


@pytest.fixture(scope="session")
def programme(tmp_path_factory: pytest.TempPathFactory) -> Programme:
    """At first V-2 is held; with the second delivery it is not, and V-1 achieved less."""
    world = World(tmp_path_factory.mktemp("programme"))
    landing = write_landing(world.folder / "landing")
    reads = meter_rows({"MP-1": 1000, "MP-2": 750})
    write_feed(landing, "meter_intervals", [METER_HEADER, *reads[:-1]])
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("pipelines.settle.verify", world.verify)
        ingest(landing, warehouse=world.warehouse, received_at=JANUARY_5, clock=lambda: NOW)
        world.hold_reasons = {"V-2": "meter_charger_mismatch+missing_read"}
        first = world.export(world.settle().run_id)
        late = [reads[-1], *meter_rows({"MP-1": 800}, quality="E")]
        write_feed(landing, "meter_intervals", [METER_HEADER, *late], name="late.csv")
        ingest(landing, warehouse=world.warehouse, received_at=JANUARY_9, clock=lambda: NOW)
        world.hold_reasons = {}
        world.achieved_wh = {"V-1": 3200, "V-2": 3000}
        correction = world.export(world.settle().run_id)
    return Programme(warehouse=world.warehouse, first=first, correction=correction)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A programme with one delivery, received on January 5; schema `verified` is given."""
    world = World(tmp_path)
    monkeypatch.setattr("pipelines.settle.verify", world.verify)
    world.deliver(JANUARY_5, sha256="a" * 64)
    return world
