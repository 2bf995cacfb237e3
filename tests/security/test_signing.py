"""Exports signed with Ed25519: what a signature covers, when it is written, that the key is never shown."""

import subprocess
from pathlib import Path

import pytest

from pipelines.errors import BadInput, JobFailed
from pipelines.export import Exported, export_run
from pipelines.signing import (
    PUBLIC_KEY_FILE,
    SIGNATURE_FILE,
    SIGNATURE_FILES,
    SigningKey,
    public_key_of,
    read_signing_key,
)
from tests.pipeline.world import NOW, World
from tests.security.keys import encrypted_pem, pem, rsa_pem, signing_key


def export(world: World, *, key: SigningKey | None, out: Path | None = None) -> Exported:
    run_id = world.settle().run_id
    return export_run(
        warehouse=world.warehouse, run_id=run_id, out=out or world.out, now=NOW, by="Ann", signing_key=key
    )


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_openssl_finds_the_signature_good(world: World, tmp_path: Path) -> None:
    exported = export(world, key=signing_key())
    raw = tmp_path / "signature"
    with raw.open("wb") as file:
        subprocess.run(["base64", "--decode", exported.folder / SIGNATURE_FILE], stdout=file, check=True)
    command = [
        "openssl",
        "pkeyutl",
        "-verify",
        "-rawin",
        "-pubin",
        "-inkey",
        PUBLIC_KEY_FILE,
        "-sigfile",
        str(raw),
    ]
    good = subprocess.run(
        [*command, "-in", "datapackage.json"], cwd=exported.folder, check=False, capture_output=True
    )
    assert good.returncode == 0, good.stderr
    bad = subprocess.run(
        [*command, "-in", "bookings.csv"], cwd=exported.folder, check=False, capture_output=True
    )
    assert bad.returncode != 0
    assert exported.signed_by == signing_key().public.fingerprint


def test_equal_runs_are_signed_to_equal_bytes(world: World, tmp_path: Path) -> None:
    first = export(world, key=signing_key())
    second = export(world, key=signing_key(), out=tmp_path / "elsewhere")
    assert bytes_of(first.folder) == bytes_of(second.folder)
    assert bytes_of(first.folder)[SIGNATURE_FILE].count(b"\n") == 1


def test_without_a_key_an_export_is_as_before(world: World, tmp_path: Path) -> None:
    unsigned = export(world, key=None)
    signed = export(world, key=signing_key(), out=tmp_path / "signed")
    files = bytes_of(signed.folder)
    assert unsigned.signed_by is None
    assert bytes_of(unsigned.folder) == {name: files[name] for name in files if name not in SIGNATURE_FILES}


def test_the_manifest_is_written_last(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    monkeypatch.setattr("pipelines.export._sync", lambda path: written.append(path.name))
    export(world, key=signing_key())
    files = [name for name in written if name.startswith(("datapackage", "signing"))]
    assert files == [SIGNATURE_FILE, PUBLIC_KEY_FILE, "datapackage.json"]


def test_an_unsigned_folder_is_signed_when_asked_for_again_with_a_key(world: World) -> None:
    before = bytes_of(export(world, key=None).folder)
    again = export(world, key=signing_key())
    after = bytes_of(again.folder)
    assert not again.already_there
    assert set(after) - set(before) == set(SIGNATURE_FILES)
    assert {name: after[name] for name in before} == before


@pytest.mark.parametrize("other", [None, 2])
def test_a_signed_folder_keeps_its_signature(world: World, other: int | None) -> None:
    first = export(world, key=signing_key(1))
    before, inode = bytes_of(first.folder), first.folder.stat().st_ino
    again = export(world, key=None if other is None else signing_key(other))
    assert (again.already_there, again.signed_by) == (True, signing_key(1).public.fingerprint)
    assert (bytes_of(again.folder), again.folder.stat().st_ino) == (before, inode)


@pytest.mark.parametrize("key", [None, 1], ids=["without a key", "with the key"])
@pytest.mark.parametrize("name", SIGNATURE_FILES)
@pytest.mark.parametrize("damage", ["removed", "flipped", "of another key"])
def test_a_signature_that_does_not_hold_is_found_and_not_overwritten(
    world: World, tmp_path: Path, name: str, damage: str, key: int | None
) -> None:
    folder = export(world, key=signing_key()).folder
    other = export(world, key=signing_key(2), out=tmp_path / "other").folder
    content = bytearray((folder / name).read_bytes())
    content[40] ^= 1
    replacements = {"flipped": bytes(content), "of another key": (other / name).read_bytes()}
    if damage == "removed":
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(replacements[damage])
    before = bytes_of(folder)
    with pytest.raises(JobFailed, match=r"signature in .* does not hold"):
        export(world, key=None if key is None else signing_key(key))
    assert bytes_of(folder) == before


def test_a_key_on_one_line_is_read() -> None:
    key = read_signing_key(pem().replace("\n", "\\n"))
    assert key is not None
    assert key.public.pem == signing_key().public.pem


@pytest.mark.parametrize("nothing", [None, "", " \n"])
def test_no_key_is_none(nothing: str | None) -> None:
    assert read_signing_key(nothing) is None


@pytest.mark.parametrize(
    "text",
    [
        "s3cr3t-that-is-no-key",
        pem()[:60],
        pem().replace("MC4C", "MC4D"),
        pem().replace("PRIVATE", "SECRET"),
        signing_key().public.pem.decode(),
        encrypted_pem(),
        rsa_pem(),
        "ключ",
    ],
)
def test_a_bad_key_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(BadInput, match=r"^The signing key .VGI_SIGNING_KEY. is ") as refused:
        read_signing_key(text)
    shown = f"{refused.value!r}{refused.value.__cause__!r}"
    assert not any(line in shown for line in text.splitlines() if line)
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_a_key_does_not_show_itself() -> None:
    secret = pem().splitlines()[1]
    assert secret not in repr(signing_key())
    assert secret not in str(vars(signing_key()))


def test_a_public_key_of_another_kind_is_none() -> None:
    assert public_key_of(b"-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n") is None
    assert public_key_of(pem().encode()) is None
