"""The commands that SECURITY.md names do what it says, and its links lead somewhere."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.export import export_run
from pipelines.signing import read_signing_key
from tests.pipeline.world import NOW, World

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "SECURITY.md").read_text()
MAKE, SIGN, CHECK, CHECK_WITHOUT = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


def sh(script: str, *, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", "-euc", script], cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A folder with the key pair that the page says how to make."""
    assert sh(MAKE, cwd=tmp_path).returncode == 0
    return tmp_path


@pytest.fixture
def export(made: Path, world: World) -> Path:
    """An export signed with that key."""
    folder = export_run(
        warehouse=world.warehouse,
        run_id=world.settle().run_id,
        out=made / "exports",
        now=NOW,
        by="Ann",
        signing_key=read_signing_key((made / "signing-key.pem").read_text()),
    ).folder
    shutil.copy(made / "operator.pub", folder.parent)
    return folder


def vgi(line: str, *, run_id: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A line of the page with `vgi` as it is here."""
    code = "import sys; from pipelines.cli import main; sys.argv[0] = 'vgi'; main()"
    here = line.replace("vgi ", f'PYTHONPATH={ROOT} {sys.executable} -c "{code}" ').replace("RUN_ID", run_id)
    return sh(here, cwd=cwd)


def test_a_key_is_made_for_its_user_alone_and_its_fingerprint_is_ours(made: Path) -> None:
    assert (made / "signing-key.pem").stat().st_mode & 0o777 == 0o600
    key = read_signing_key((made / "signing-key.pem").read_text())
    assert key is not None
    assert key.public.pem == (made / "operator.pub").read_bytes()
    shown = sh(MAKE.splitlines()[-1], cwd=made).stdout.split()[0]
    assert key.public.fingerprint == f"SHA256:{shown}"


def test_an_export_is_signed_as_the_page_says(made: Path, world: World) -> None:
    run_id = world.settle().run_id
    done = vgi(f"export VGI_WAREHOUSE={world.warehouse}; {SIGN}", run_id=run_id, cwd=made)
    assert done.returncode == 0, done.stderr
    assert "The export is signed by the key SHA256:" in done.stdout


def test_an_export_is_checked_as_the_page_says(made: Path, export: Path) -> None:
    done = vgi(CHECK, run_id=export.name, cwd=made)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "signed by the key given" in done.stdout


def test_an_export_is_checked_without_this_project(export: Path, tmp_path: Path) -> None:
    check = CHECK_WITHOUT.replace("/tmp/signature", str(tmp_path / "signature"))
    check = check.replace("operator.pub", "../operator.pub")
    good = sh(check, cwd=export)
    assert good.returncode == 0, good.stderr
    assert "Signature Verified Successfully" in good.stdout
    assert good.stdout.count(": OK") == 9
    (export / "bookings.csv").write_bytes((export / "bookings.csv").read_bytes() + b"\n")
    assert sh(check, cwd=export).returncode != 0
    manifest = (export / "datapackage.json").read_bytes()
    (export / "datapackage.json").write_bytes(manifest.replace(b'"issued"', b'"replay"'))
    assert sh(check, cwd=export).returncode != 0


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", PAGE)
    assert len(links) > 5
    assert [link for link in links if not (ROOT / link).exists()] == []
