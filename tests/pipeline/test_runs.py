"""What identifies a run, and which states it may go through (R23)."""

from datetime import date, datetime, timedelta

import pytest

from pipelines.books import open_books
from pipelines.errors import JobFailed
from pipelines.runs import Run, RunDelivery, RunTariff, State, identify, record_state
from settlement import RULES_VERSION
from tests.pipeline.world import JANUARY_5, NOW, World


def delivery(sha256: str, *, file_name: str = "1.csv", received_at: datetime = JANUARY_5) -> RunDelivery:
    return RunDelivery(
        delivery_no=1,
        feed="vehicles",
        sha256=sha256,
        file_name=file_name,
        received_at=received_at,
        outcome="loaded",
    )


def run(
    *deliveries: RunDelivery,
    period: str = "2023-12",
    as_of: datetime = JANUARY_5,
    content_hash: str = "c",
    rules_version: str = RULES_VERSION,
) -> Run:
    tariff = RunTariff(
        version="jp", content_hash=content_hash, effective_from=date(2023, 10, 1), document="version: jp"
    )
    return identify(
        period=period, as_of=as_of, deliveries=deliveries, tariffs=(tariff,), rules_version=rules_version
    )


def test_an_id_is_the_period_and_sixteen_hex_digits() -> None:
    period, _, digest = run(delivery("a")).run_id.rpartition("-")
    assert period == "2023-12"
    assert len(digest) == 16
    assert int(digest, 16) >= 0


def test_an_id_does_not_depend_on_order_names_or_receipt() -> None:
    one, other = delivery("a"), delivery("b")
    renamed = delivery("a", file_name="2.csv", received_at=JANUARY_5 - timedelta(days=1))
    assert run(one, other).run_id == run(other, one).run_id == run(renamed, other).run_id


def test_an_id_depends_on_all_that_may_change_the_result() -> None:
    ids = {
        run(delivery("a")).run_id,
        run(delivery("b")).run_id,
        run(delivery("a"), delivery("b")).run_id,
        run(delivery("a"), period="2024-01").run_id,
        run(delivery("a"), as_of=JANUARY_5 + timedelta(days=1)).run_id,
        run(delivery("a"), content_hash="d").run_id,
        run(delivery("a"), rules_version="next").run_id,
    }
    assert len(ids) == 7


@pytest.mark.parametrize("state", [State.COMPUTED, State.ISSUED, State.SUPERSEDED])
def test_a_state_is_not_skipped_nor_gone_back_to(world: World, state: State) -> None:
    held = world.settle(hold=True)
    with (
        open_books(world.warehouse) as connection,
        pytest.raises(JobFailed, match="is audited and cannot become"),
    ):
        record_state(connection, run_id=held.run_id, state=state, at=NOW, by="Ann")
