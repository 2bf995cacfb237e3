"""Airflow's own sign-in around the pages: its auth manager, its tokens, its tables in a new database."""

import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

# Airflow makes its home as soon as it is imported; that must not be the user's.
os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="airflow-home-"))

from fastapi import FastAPI
from fastapi.testclient import TestClient

from pipelines.config import Places, places
from tests.pipeline.world import JANUARY_5, World

SIGNED_IN_AS = "auditor"


@pytest.fixture(scope="session")
def signing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str | None], str]]:
    """Gives the token of a user with a role, made by Airflow's auth manager."""
    folder = tmp_path_factory.mktemp("airflow")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", f"sqlite:///{folder / 'airflow.db'}")
        patched.setenv(
            "AIRFLOW__API_AUTH__JWT_SECRET", "of these tests only, and long enough for HS512. " * 2
        )
        patched.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", f"{SIGNED_IN_AS}:viewer")
        patched.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE", str(folder / "passwords.json"))

        from airflow import settings
        from airflow.api_fastapi.app import init_auth_manager, purge_cached_app
        from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
        from airflow.models.base import Base

        settings.configure_vars()
        settings.dispose_orm(do_log=False)
        settings.configure_orm()
        import airflow.models

        airflow.models.import_all_models()
        Base.metadata.create_all(settings.get_engine())
        purge_cached_app()
        manager = init_auth_manager()
        yield lambda role: manager.generate_jwt(SimpleAuthManagerUser(username=SIGNED_IN_AS, role=role))
        purge_cached_app()
        settings.dispose_orm(do_log=False)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A programme with one delivery; schema `verified` is given."""
    world = World(tmp_path)
    monkeypatch.setattr("pipelines.settle.verify", world.verify)
    world.deliver(JANUARY_5, sha256="a" * 64)
    return world


@pytest.fixture
def here(world: World) -> Places:
    return replace(
        places(),
        warehouse=world.warehouse,
        exports=world.out,
        docs=world.folder / "docs",
        tariffs=world.folder,
    )


@pytest.fixture
def app(here: Places, signing: Callable[[str | None], str]) -> FastAPI:
    """The pages where Airflow mounts them."""
    from plugins.settlement_pages import PREFIX
    from plugins.web.app import build_app

    outer = FastAPI()
    outer.mount(PREFIX, build_app(here))
    return outer


@pytest.fixture
def stranger(app: FastAPI) -> TestClient:
    """Somebody who did not sign in."""
    return TestClient(app, follow_redirects=False)


@pytest.fixture
def client(app: FastAPI, signing: Callable[[str | None], str]) -> TestClient:
    """Somebody who signed in and may look at everything, as the browser says it: by a cookie."""
    return TestClient(app, follow_redirects=False, cookies={"_token": signing("viewer")})
