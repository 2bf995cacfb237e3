"""What the DAGs' tasks write into their logs names no user and no vehicle, also where a gate is shut."""

import traceback

import pytest

from dags.operation import naming_nobody, signing_key
from expectations.catalogue import Gate
from pipelines.errors import JobFailed
from pipelines.gates import GateFailed
from pipelines.wording import without_keys
from tests.pipeline.world import World
from tests.security.keys import pem
from tests.security.keys import signing_key as key_of


def test_a_shut_gate_is_logged_without_the_keys_that_it_names(world: World) -> None:
    run_id = world.settle().run_id
    with_a_lie = "update results.user_points set points = points + 1 where user_id = 'U-1'"
    world.rows(with_a_lie)
    with pytest.raises(GateFailed, match="U-1"):
        world.export(run_id)
    with pytest.raises(JobFailed) as logged, naming_nobody():
        world.export(run_id)
    told = str(logged.value)
    assert "U-1" not in told
    assert told.startswith(f"The gate {Gate.BEFORE_EXPORT} is shut")
    assert "R26" in told
    assert "U-1" not in "".join(traceback.format_exception(logged.value))


def test_other_faults_pass_as_they_are() -> None:
    with pytest.raises(ZeroDivisionError), naming_nobody():
        1 / 0  # noqa: B018


def test_a_warning_is_logged_without_keys() -> None:
    warning = "R25: unknown references of sessions: 2 (S-1 V-1; S-2 V-2). Deliver the registry."
    assert without_keys(warning) == "R25: unknown references of sessions: 2"


def test_the_key_of_the_environment_counts_before_that_of_a_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VGI_SIGNING_KEY", pem(3))
    monkeypatch.setattr("dags.operation.Connection.get", lambda _: 1 / 0)
    found = signing_key()
    assert found is not None
    assert found.public == key_of(3).public
