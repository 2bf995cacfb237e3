"""The dbt project's own tests: the unit tests hold, and the data tests can fail."""

import shutil
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
import yaml

from pipelines.verify import DBT_PROJECT, verify
from pipelines.warehouse import NO_EXTENSIONS, open_warehouse
from settlement import SettlementPeriod
from tests.agreement.product import product_of
from tests.oracle import worlds as oracle_worlds
from tests.verification.dbt import dbt_statuses

# What goes wrong, and the data test whose task it is to say so.
PLANTED = {
    "r09_energy_is_conserved": "update intermediate.int_segment_energy set import_wh = import_wh + 1"
    " where rowid = (select min(rowid) from intermediate.int_segment_energy where import_wh > 0)",
    "r08_pieces_fill_their_visits": "update intermediate.int_pieces"
    " set piece_to = piece_to + interval 1 second where rowid = 0",
    "r08_segments_keep_to_their_half_hour": "update intermediate.int_segments"
    " set segment_to = segment_to + interval 30 minutes where rowid = 0",
    "r18_every_eligible_segment_is_in_one_line": "delete from intermediate.int_lines where rowid = 0",
    "r18_performances_are_the_sum_of_their_lines": "update verified.lines set achieved = achieved + 1"
    " where rowid = 0",
    "r26_energy_balances": "update verified.energy_balance set metered_wh = metered_wh + 1",
    "r26_levels_add_up": "update verified.aggregator_achievement set achieved_wh = achieved_wh * 2 + 1"
    " where level = 'utility'",
    "r15_paid_performances_have_their_reads": "update verified.performances"
    " set status = 'final', qualities = 'A+N' where status = 'held'",
    "r03_no_floating_point": "alter table verified.lines alter achieved type double",
    "lines_key": "insert into verified.lines select * from verified.lines",
    "lines_refer_to_lease_exchanges": "delete from verified.lease_exchanges",
    "lines_refer_to_contracts": "delete from verified.contracts",
}


@pytest.fixture(scope="module")
def verified(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse in which a correction of some random worlds was settled."""
    worlds, period, as_of = oracle_worlds.random_worlds(seed=3, count=20)
    folder = tmp_path_factory.mktemp("verified")
    product = product_of(oracle_worlds.merged(worlds), tariffs="tokyo", folder=folder)
    product.settle(period, as_of)
    return product.warehouse


def test_the_data_tests_pass_on_what_was_verified(verified: Path) -> None:
    statuses = dbt_statuses(verified, "test", "--select", *PLANTED)
    assert statuses == dict.fromkeys(PLANTED, "pass")


@pytest.mark.parametrize("test", PLANTED)
def test_a_data_test_fails_on_a_planted_fault(test: str, verified: Path, tmp_path: Path) -> None:
    spoiled = tmp_path / verified.name
    shutil.copyfile(verified, spoiled)
    with duckdb.connect(spoiled) as connection:
        connection.execute(PLANTED[test])
    assert dbt_statuses(spoiled, "test", "--select", test) == {test: "fail"}


def test_dbt_neither_fetches_nor_loads_nor_reads_files() -> None:
    profile = yaml.safe_load((DBT_PROJECT / "profiles.yml").read_text())
    assert profile["vgi"]["outputs"]["warehouse"]["config_options"] == {
        **NO_EXTENSIONS,
        "enable_external_access": "false",
    }


def test_the_unit_tests_of_the_models_hold(tmp_path: Path) -> None:
    warehouse = tmp_path / "vgi.duckdb"
    with open_warehouse(warehouse):
        pass
    verify(
        warehouse=warehouse,
        period=SettlementPeriod.parse("2023-12"),
        as_of=datetime.fromisoformat("2024-01-05"),
        tariffs=None,
    )
    statuses = dbt_statuses(warehouse, "test", "--select", "test_type:unit")
    assert len(statuses) >= 57
    assert {name for name, status in statuses.items() if status != "pass"} == set()
