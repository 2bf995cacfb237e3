"""What the command leaves behind is for its user alone and holds no secret; what it logs names nobody."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.signing import SIGNATURE_FILE
from tests.security.planted import (
    environment,
    files_below,
    holders,
    ids_of,
    open_to_others,
    secrets,
)

ROOT = Path(__file__).resolve().parents[2]
VGI = "import sys; from pipelines.cli import main; sys.argv[0] = 'vgi'; main()"
JOB = (
    *("run", str(ROOT / "sample" / "landing"), "--period", "2023-12"),
    *(
        "--tariffs",
        str(ROOT / "sample" / "tariffs"),
        "--received-at",
        "2024-01-08T09:00:00Z",
        "--out",
        "exports",
    ),
)


@pytest.fixture
def vgi(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """The command in a process and a folder of its own, with planted secrets and a common umask."""

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[bytes]:
        for name in ("home", "tmp", "work"):
            (tmp_path / name).mkdir(exist_ok=True)
        return subprocess.run(
            [sys.executable, "-c", VGI, *arguments],
            cwd=tmp_path / "work",
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(ROOT),
                "HOME": str(tmp_path / "home"),
                "TMPDIR": str(tmp_path / "tmp"),
                **environment(signing_key="VGI_SIGNING_KEY"),
                **more,
            },
            umask=0o022,
            capture_output=True,
            check=False,
        )

    return run


@pytest.mark.slow
def test_files_are_for_their_user_alone_and_hold_no_secret(
    vgi: Callable[..., subprocess.CompletedProcess[bytes]], tmp_path: Path
) -> None:
    work = tmp_path / "work"
    first = vgi(*JOB)
    done = [first, vgi("status"), vgi("report"), vgi("quality"), vgi("docs", "--out", "docs")]
    assert [each.returncode for each in done] == [0] * len(done), [each.stderr for each in done]
    users_and_vehicles = ids_of(work / "exports")
    assert len(users_and_vehicles) > 50
    done += [
        vgi("explain", "user", users_and_vehicles[0].decode(), "--json"),
        vgi(*JOB, "--json", VGI_DEBUG="1"),
    ]
    for number, each in enumerate(done):
        (tmp_path / f"{number}.out").write_bytes(each.stdout + each.stderr)
    assert next((work / "exports").rglob(SIGNATURE_FILE)).is_file()
    made = list(work.iterdir())
    assert {path.name for path in made} >= {"vgi.duckdb", "vgi.duckdb.deliveries", "exports", "docs"}
    assert open_to_others(*made, *(tmp_path / "home").iterdir(), *(tmp_path / "tmp").iterdir()) == []
    assert holders(files_below(tmp_path), secrets()) == []
    assert [each for each in users_and_vehicles if each in first.stderr] == []


@pytest.mark.parametrize("debug", ["", "1"])
def test_a_key_that_is_none_is_not_shown(
    vgi: Callable[..., subprocess.CompletedProcess[bytes]], tmp_path: Path, debug: str
) -> None:
    secret = "MC4CAQAwBQYDK2VwBCIEIA-n0t-a-key"
    done = vgi(*JOB, VGI_SIGNING_KEY=f"-----BEGIN PRIVATE KEY-----\n{secret}\n", VGI_DEBUG=debug)
    assert done.returncode == (1 if debug else 2)
    assert b"The signing key (VGI_SIGNING_KEY) is not a private key in PEM" in done.stderr
    assert secret.encode() not in done.stdout + done.stderr
    assert list((tmp_path / "work").iterdir()) == [], "nothing is begun with a key that cannot sign"


def test_the_planted_faults_are_found(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"key: " + secrets()[0])
    (tmp_path / "log").chmod(0o640)
    assert holders(files_below(tmp_path), secrets()) == [(str(tmp_path / "log"), secrets()[0].decode())]
    assert open_to_others(tmp_path / "log") == [f"{tmp_path / 'log'} -rw-r-----"]
