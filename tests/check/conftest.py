import shutil
from pathlib import Path

import pytest

from pipelines.ingest import ingest
from tests.pipeline.programme import REGISTRY, write_feed
from tests.pipeline.world import JANUARY_5, JANUARY_9, NOW, World


@pytest.fixture(scope="package")
def booked_twice(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Two files received, a settlement and a correction booked; the verification is given."""
    world = World(tmp_path_factory.mktemp("booked"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipelines.settle.verify", world.verify)
        for feed, received_at, achieved_wh in (
            ("aggregators", JANUARY_5, 3000),
            ("vehicles", JANUARY_9, 2500),
        ):
            landing = world.folder / feed
            write_feed(landing, feed, REGISTRY[feed])
            ingest(landing, warehouse=world.warehouse, received_at=received_at, clock=lambda: NOW)
            world.achieved_wh["V-2"] = achieved_wh
            world.settle()
    return world


@pytest.fixture
def world(booked_twice: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A copy of it to do harm to."""
    shutil.copytree(booked_twice.folder, tmp_path, dirs_exist_ok=True)
    world = World(tmp_path, achieved_wh=dict(booked_twice.achieved_wh))
    monkeypatch.setattr("pipelines.settle.verify", world.verify)
    return world
