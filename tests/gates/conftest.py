from pathlib import Path

import pytest

from tests.pipeline.world import JANUARY_5, World


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A programme with one delivery, received on January 5; schema `verified` is given."""
    world = World(tmp_path)
    monkeypatch.setattr("pipelines.settle.verify", world.verify)
    world.deliver(JANUARY_5, sha256="a" * 64)
    return world
