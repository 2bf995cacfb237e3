"""The promises of the server's files, without a container engine: secrets, health, one writer, no root."""

import ast
import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from dags.operation import WAREHOUSE_POOL

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
LONG_RUNNING = sorted(set(SERVICES) - {"init"})
DOCKERFILE = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text())
INSTRUCTIONS = [line.split(maxsplit=1) for line in DOCKERFILE.splitlines() if line and line[0] not in " #"]
OPTIONAL_SECRETS = {"VGI_SIGNING_KEY"}
REQUIRED = set(re.findall(r"\$\{(\w+):\?", TEXT))
NAMED_LIKE_A_SECRET = re.compile(r"PASSWORD$|SECRET|KEY|TOKEN")


def _mounts(service: str) -> dict[str, str]:
    return dict(mount.split(":")[:2] for mount in SERVICES[service].get("volumes", []))


def _ignored(path: str) -> bool:
    """Whether .dockerignore keeps a path out of the image; its last matching line decides."""
    ignored = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!")
        if line and not line.startswith("#") and _matches(path, pattern):
            ignored = not line.startswith("!")
    return ignored


def _matches(path: str, pattern: str) -> bool:
    parents = [path, *(str(parent) for parent in Path(path).parents)]
    return any(fnmatch(parent, pattern) or fnmatch(f"/{parent}", pattern) for parent in parents)


@pytest.mark.parametrize("service", SERVICES)
def test_a_secret_comes_from_the_environment_only(service: str) -> None:
    for name, value in SERVICES[service]["environment"].items():
        if name in OPTIONAL_SECRETS:
            assert value == f"${{{name}:-}}"
        elif NAMED_LIKE_A_SECRET.search(name):
            assert re.fullmatch(r"\$\{\w+:\?[^}]+\.}", value), name
        assert not re.search(r"://[^/@]*:[^/@]*@", value), f"{name} holds a password"


def test_a_required_variable_is_required_wherever_it_stands() -> None:
    assert {
        "POSTGRES_PASSWORD",
        "AIRFLOW__API_AUTH__JWT_SECRET",
        "AIRFLOW__CORE__FERNET_KEY",
        "UI_ACCOUNT",
        "UI_PASSWORD",
    } == REQUIRED
    for name in REQUIRED:
        assert re.findall(rf"\$\{{?{name}\b(?!:\?)", TEXT) == [], name


def test_the_example_names_required_variables_and_optional_secrets_and_gives_none() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    given = [line for line in lines if line and not line.startswith("#")]
    assert sorted(given) == sorted(f"{name}=" for name in REQUIRED | OPTIONAL_SECRETS)


def test_the_filled_example_stays_out_of_git_and_of_the_image() -> None:
    assert {"/.env", ".env"} & set((ROOT / ".gitignore").read_text().splitlines())
    assert _ignored(".env")


@pytest.mark.parametrize("service", LONG_RUNNING)
def test_a_service_says_whether_it_is_healthy_and_comes_back(service: str) -> None:
    assert SERVICES[service]["restart"] == "unless-stopped"
    assert SERVICES[service]["healthcheck"]["test"][0] == "CMD"
    assert {"interval", "timeout", "retries", "start_period"} <= set(SERVICES[service]["healthcheck"])


@pytest.mark.parametrize("service", SERVICES)
def test_nobody_is_root_or_can_become_it(service: str) -> None:
    definition = SERVICES[service]
    assert str(definition["user"]).split(":")[0] not in ("", "0", "root")
    assert definition["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in definition["security_opt"]
    assert definition["read_only"] is True
    assert not definition.get("privileged")


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_is_one_version(service: str) -> None:
    assert re.search(r":\d+\.\d+", SERVICES[service]["image"])


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_mounted_is_a_volume_that_is_declared(service: str) -> None:
    assert set(_mounts(service)) <= set(COMPOSE["volumes"])


def test_airflow_starts_after_its_database_and_init() -> None:
    assert SERVICES["init"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    for service in set(LONG_RUNNING) - {"postgres"}:
        conditions = {name: after["condition"] for name, after in SERVICES[service]["depends_on"].items()}
        assert conditions["postgres"] == "service_healthy"
        assert conditions["init"] == "service_completed_successfully"


def test_init_makes_the_pool_of_the_one_writer() -> None:
    script = SERVICES["init"]["command"][-1]
    assert re.search(rf"airflow db migrate\nairflow pools set {WAREHOUSE_POOL} 1 ", script)
    assert SERVICES["init"]["restart"] == "no"


def test_tasks_run_where_the_data_is_and_nowhere_else() -> None:
    settings = SERVICES["scheduler"]["environment"]
    assert settings["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    mounted = _mounts("scheduler").values()
    for name in ("VGI_LANDING", "VGI_WAREHOUSE", "VGI_TARIFFS", "VGI_EXPORTS", "VGI_DOCS"):
        assert settings[name] in mounted or str(Path(settings[name]).parent) in mounted, name
    assert settings["AIRFLOW__LOGGING__BASE_LOG_FOLDER"] in mounted
    writers = [
        name for name in SERVICES if "warehouse:/srv/vgi/warehouse" in SERVICES[name].get("volumes", [])
    ]
    assert writers == ["scheduler"]
    assert "scale" not in SERVICES["scheduler"] and "deploy" not in SERVICES["scheduler"]


def test_the_settlement_pages_find_what_they_show_and_cannot_change_it() -> None:
    mounts = dict(mount.split(":", 1) for mount in SERVICES["api-server"]["volumes"])
    for volume in ("warehouse", "exports", "audit-docs"):
        assert mounts[volume] == f"/srv/vgi/{volume}:ro"


def test_the_image_makes_every_folder_that_a_volume_is_mounted_at() -> None:
    made = next(text for name, text in INSTRUCTIONS if name == "RUN" and "install -d" in text)
    for service in set(SERVICES) - {"postgres"}:
        for folder in _mounts(service).values():
            assert re.search(rf"install -d -o vgi .*{folder}( |$)", made), folder


def test_only_the_ui_is_published_and_on_the_machine_itself() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"api-server": ["127.0.0.1:8080:8080"]}


def test_the_image_takes_nothing_whose_hash_is_not_in_the_lock() -> None:
    installs = [text for name, text in INSTRUCTIONS if name == "RUN" and "pip install" in text]
    assert len(installs) == 2
    assert "--require-hashes" in installs[0] and "--no-deps" in installs[0]
    assert "requirements.lock" in installs[0]
    assert "--no-deps" in installs[1] and "--no-build-isolation" in installs[1]
    assert not re.search(r"apt-get|curl |wget |index-url|https?://", DOCKERFILE)


def test_the_image_is_pinned_and_does_not_run_as_root() -> None:
    bases = [text.split()[0] for name, text in INSTRUCTIONS if name == "FROM"]
    assert all(re.fullmatch(r"python:3\.11\.\d+-slim-\w+", base) for base in bases)
    last = [text for name, text in INSTRUCTIONS if name == "USER"][-1]
    assert last == SERVICES["scheduler"]["user"]
    assert not last.startswith(("0", "root"))


def test_the_image_holds_all_that_the_dags_need() -> None:
    needed = {"dags", "plugins", "dbt_project", "docs", "pyproject.toml", "requirements.lock"}
    sources = [path for folder in ("dags", "plugins") for path in (ROOT / folder).rglob("*.py")]
    while sources:
        found = _imported_packages(sources.pop()) - needed
        needed |= found
        sources += [path for package in found for path in (ROOT / package).rglob("*.py")]
    assert {"pipelines", "settlement"} <= needed
    assert [path for path in sorted(needed) if _ignored(path) or _ignored(f"{path}/a/b.sql")] == []
    assert ["COPY", ". /opt/vgi"] in INSTRUCTIONS


def _imported_packages(source: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return {name for name in names if (ROOT / name).is_dir()}


@pytest.mark.parametrize(
    "path", ["demo", "sample", "tests", ".git", ".venv", "dbt_project/target", "vgi.duckdb"]
)
def test_no_data_and_no_test_goes_into_the_image(path: str) -> None:
    assert _ignored(path)
