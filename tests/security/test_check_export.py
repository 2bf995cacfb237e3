"""`vgi check EXPORT_DIR`: an export as written passes, and every kind of damage is named with its place."""

import csv
import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import cli
from pipelines.check_export import ExportCheck, Signature, check_export
from pipelines.errors import BadInput
from pipelines.export import export_run
from pipelines.exports import EXPORTS
from pipelines.signing import PUBLIC_KEY_FILE, SIGNATURE_FILE, SIGNATURE_FILES, read_public_key
from tests.pipeline.world import JANUARY_5, NOW, World
from tests.security.keys import signing_key

Rows = list[dict[str, str]]
MANIFEST = "datapackage.json"
EVERY_FILE = (*(export.file_name for export in EXPORTS), MANIFEST, *SIGNATURE_FILES)


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A signed export, not to be changed."""
    world = World(tmp_path_factory.mktemp("world"))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("pipelines.settle.verify", world.verify)
        world.deliver(JANUARY_5, sha256="a" * 64)
        run_id = world.settle().run_id
    yield export_run(
        warehouse=world.warehouse, run_id=run_id, out=world.out, now=NOW, by="Ann", signing_key=signing_key()
    ).folder


@pytest.fixture
def signed(issued: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(issued, tmp_path / "signed"))


@pytest.fixture
def unsigned(signed: Path) -> Path:
    for name in SIGNATURE_FILES:
        (signed / name).unlink()
    return signed


def sentences(checked: ExportCheck) -> list[str]:
    return [fault.sentence for fault in checked.faults]


def describe_anew(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads((folder / MANIFEST).read_text())
    change(document)
    (folder / MANIFEST).write_text(json.dumps(document))


def rewrite(folder: Path, name: str, change: Callable[[Rows], object]) -> None:
    """Change the rows of a file, and mend its hash, size and row count in the manifest."""
    path = folder / f"{name}.csv"
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    columns = list(rows[0])
    change(rows)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    mend(folder, name, rows=len(rows))


def mend(folder: Path, name: str, *, rows: int) -> None:
    content = (folder / f"{name}.csv").read_bytes()

    def change(document: dict[str, Any]) -> None:
        resource = next(each for each in document["resources"] if each["name"] == name)
        resource["bytes"], resource["rows"] = len(content), rows
        resource["hash"] = f"sha256:{hashlib.sha256(content).hexdigest()}"

    describe_anew(folder, change)


# ---- an export as it was written


def test_an_export_passes_and_the_key_beside_proves_that_it_is_whole(signed: Path) -> None:
    checked = check_export(signed)
    assert (checked.faults, checked.remarks) == ((), ())
    assert checked.signature is Signature.BY_KEY_BESIDE
    assert checked.key_fingerprint == signing_key().public.fingerprint


def test_the_key_given_proves_who_signed(signed: Path, tmp_path: Path) -> None:
    key = tmp_path / "operator.pub"
    key.write_bytes(signing_key().public.pem)
    checked = check_export(signed, public_key=read_public_key(key))
    assert (checked.faults, checked.signature) == ((), Signature.BY_KEY_GIVEN)


def test_an_unsigned_export_passes_and_is_said_to_be_unsigned(unsigned: Path) -> None:
    checked = check_export(unsigned)
    assert (checked.faults, checked.signature) == ((), Signature.NONE)


# ---- damage of bytes


@pytest.mark.parametrize("name", EVERY_FILE)
@pytest.mark.parametrize("damage", ["missing", "truncated", "grown", "a link", "empty"])
def test_a_damaged_file_is_named(signed: Path, tmp_path: Path, name: str, damage: str) -> None:
    path = signed / name
    content = path.read_bytes()
    path.unlink()
    if damage == "truncated":
        path.write_bytes(content[:-1])
    elif damage == "grown":
        path.write_bytes(content + b"\n")
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "a link":
        (tmp_path / "elsewhere").write_bytes(content[:-1] + b"x")
        path.symlink_to(tmp_path / "elsewhere")
    faults = check_export(signed).faults
    named = {fault.file for fault in faults}
    assert named & ({name} if name != MANIFEST else {MANIFEST, SIGNATURE_FILE})


@settings(max_examples=25, deadline=None, derandomize=True)
@given(name=st.sampled_from(EVERY_FILE), place=st.integers(0, 10**9), bit=st.integers(0, 7))
def test_any_flipped_bit_is_noticed(issued: Path, name: str, place: int, bit: int) -> None:
    path = issued / name
    content = path.read_bytes()
    flipped = bytearray(content)
    flipped[place % len(content)] ^= 1 << bit
    try:
        path.write_bytes(flipped)
        assert check_export(issued).faults
    finally:
        path.write_bytes(content)
    assert not check_export(issued).faults


@pytest.mark.parametrize("name", SIGNATURE_FILES)
def test_every_bit_of_a_signature_and_its_key_counts(issued: Path, name: str) -> None:
    path = issued / name
    content = path.read_bytes()
    unnoticed = []
    key = signing_key().public
    for place in range(len(content)):
        for bit in range(8):
            flipped = bytearray(content)
            flipped[place] ^= 1 << bit
            if name == SIGNATURE_FILE:
                noticed = not key.holds(bytes(flipped), of=(issued / MANIFEST).read_bytes())
            else:
                noticed = bytes(flipped) != key.pem
            unnoticed += [] if noticed else [(place, bit)]
    assert unnoticed == []


def test_a_file_too_many_is_named(signed: Path) -> None:
    (signed / "notes.txt").write_text("")
    (signed / "sub").mkdir()
    assert sentences(check_export(signed)) == [
        "notes.txt: the file is not part of the export.",
        "sub: the file is not part of the export.",
    ]


# ---- another signature


def test_the_key_of_somebody_else_is_found_by_the_key_given(signed: Path) -> None:
    """Who replaces manifest, signature and key alike is found only by a key from elsewhere."""
    other = signing_key(2)
    (signed / SIGNATURE_FILE).write_bytes(other.sign((signed / MANIFEST).read_bytes()))
    (signed / PUBLIC_KEY_FILE).write_bytes(other.public.pem)
    assert check_export(signed).faults == ()
    checked = check_export(signed, public_key=signing_key().public)
    assert checked.signature is Signature.DOES_NOT_HOLD
    assert {fault.file for fault in checked.faults} == {SIGNATURE_FILE, PUBLIC_KEY_FILE}


def test_without_a_signature_the_key_given_finds_nothing_to_check(unsigned: Path) -> None:
    assert sentences(check_export(unsigned, public_key=signing_key().public)) == [
        "datapackage.json.sig: the export is not signed."
    ]


@pytest.mark.parametrize(
    "change", [lambda rows: rows.append(dict(rows[0], user_id="U-9")), lambda rows: rows.pop()]
)
def test_rows_changed_with_the_manifest_but_no_new_signature_are_found(
    signed: Path, change: Callable[[Rows], object]
) -> None:
    rewrite(signed, "user_points", change)
    checked = check_export(signed)
    assert checked.signature is Signature.DOES_NOT_HOLD
    assert {"datapackage.json.sig", MANIFEST} == {fault.file for fault in checked.faults}
    assert any(
        "control total sum_of_points of user_points.csv" in sentence for sentence in sentences(checked)
    )


# ---- what is wrong by itself, the manifest mended to agree


@pytest.mark.parametrize(
    ("name", "change", "found"),
    [
        (
            "user_points",
            lambda rows: rows[0].update(points="ten"),
            "line 2, column points: 'ten' is not a whole",
        ),
        (
            "user_points",
            lambda rows: rows[0].update(points="1.0"),
            "line 2, column points: '1.0' is not a whole",
        ),
        ("user_points", lambda rows: rows[1].update(points="-1"), "line 3, column points: '-1' is below 0"),
        ("user_points", lambda rows: rows[0].update(user_id=""), "line 2, column user_id: the cell is empty"),
        ("user_points", lambda rows: rows.append(rows[0]), "stands on line 2 already"),
        ("bookings", lambda rows: rows.append(rows[0]), "(booking_id) stands on line 2 already"),
        ("bookings", lambda rows: rows[0].update(unit="dollars"), "column unit: 'dollars' does not match"),
        ("settlement_lines", lambda rows: rows.append(rows[1]), "stands on line 3 already"),
        (
            "settlement_lines",
            lambda rows: rows[0].update(vehicle_id="V-9"),
            "line 2: dr_achievement.csv has no row",
        ),
        (
            "settlement_lines",
            lambda rows: rows[0].update(access_class="unpermitted"),
            "is none of specific, public",
        ),
        (
            "dr_intervals",
            lambda rows: rows[0].update(dr_event_id="D-9"),
            "line 2: dr_achievement.csv has no row",
        ),
        ("dr_intervals", lambda rows: rows[0].update(interval_start="2023-12-04 08:00"), "is not an instant"),
        (
            "dr_intervals",
            lambda rows: rows[0].update(interval_start="2023-12-32T08:00:00Z"),
            "is not an instant",
        ),
        ("dr_achievement", lambda rows: rows[0].update(status="paid"), "'paid' is none of held"),
        ("dr_achievement", lambda rows: rows[0].update(achievement_rate="1.00"), "'1.00' does not match"),
        ("aggregator_achievement", lambda rows: rows.append(rows[2]), "stands on line 4 already"),
        ("aggregator_achievement", lambda rows: rows[0].update(level="city"), "'city' is none of utility"),
        ("lease_outcomes", lambda rows: rows[0].update(outcome="lost"), "'lost' is none of"),
        ("manager_fee_reductions", lambda rows: rows[0].update(offering_minor="1e3"), "'1e3' does not match"),
        ("exceptions", lambda rows: rows[0].update(code="odd"), "'odd' is none of"),
        ("exceptions", lambda rows: rows[0].update(local_date="04.12.2023"), "is not a date"),
        (
            "exceptions",
            lambda rows: rows[0].update(detail="=HYPERLINK(1)"),
            "column detail: '=HYPERLINK(1)' would",
        ),
        (
            "exceptions",
            lambda rows: rows[0].update(detail="a\tb"),
            "would run as a formula, or tears its line",
        ),
        ("exceptions", lambda rows: rows[0].update(detail="a\nb"), "line 3: a cell holds a line break"),
    ],
)
def test_a_planted_fault_is_named_with_its_place(
    unsigned: Path, name: str, change: Callable[[Rows], object], found: str
) -> None:
    rewrite(unsigned, name, change)
    faults = sentences(check_export(unsigned))
    assert any(sentence.startswith(f"{name}.csv") and found in sentence for sentence in faults), faults


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"settlement_period,user,points\n", "line 1: the header is not settlement_period,user_id"),
        (b"", "line 1: the header is not"),
        (b"{header}\r\n", "line 1: quotes or line ends"),
        (b"{header}\n2023-12,U-1,1\n", "line 2: the row has 3 cells, not 5"),
        (b"{header}\n2023-12,U-1,1,0,1\n\n", "line 3: the row has 0 cells, not 5"),
        (b"{header}\n2023-12,U-\xff,1,0,1\n", "line 2: the line is not UTF-8 text"),
        (b'{header}\n2023-12,"U-1,1,0,1\n', "line 2: quotes or line ends"),
        (b"{header}\n2023-12,U-1,1,0,1", "line 2: the file ends within this line"),
    ],
)
def test_a_file_that_is_no_table_is_named_with_its_line(unsigned: Path, content: bytes, found: str) -> None:
    path = unsigned / "user_points.csv"
    header = path.read_bytes().split(b"\n")[0]
    path.write_bytes(content.replace(b"{header}", header))
    mend(unsigned, "user_points", rows=1)
    assert any(found in sentence for sentence in sentences(check_export(unsigned)))


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (
            lambda it: it["control_totals"]["user_points"].update(sum_of_points=7),
            "sum_of_points of user_points.csv is 7",
        ),
        (
            lambda it: it["control_totals"]["user_points"].pop("rows"),
            "control total rows of user_points.csv is None",
        ),
        (lambda it: it["control_totals"].pop("bookings"), "control totals of bookings.csv are missing"),
        (
            lambda it: it["control_totals"].update(taxes={}),
            "control totals of 'taxes', which is of no export",
        ),
        (lambda it: it["resources"].pop(), "bookings.csv is not described"),
        (
            lambda it: it["resources"][3]["schema"].pop("primaryKey"),
            "schema of user_points.csv is not the contract's",
        ),
        (lambda it: it["resources"][3].update(rows=9), "user_points.csv: 2 rows, the manifest says 9"),
        (lambda it: it["resources"][3].update(path="../../etc/passwd"), "names a file '../../etc/passwd'"),
        (
            lambda it: it["resources"][3]["schema"]["fields"][0].update(type="any"),
            "a type that no export has",
        ),
        (
            lambda it: it["resources"][2]["schema"]["foreignKeys"][0]["reference"].update(resource="x"),
            "refer to what",
        ),
        (lambda it: it.pop("run_id"), "it lacks 'run_id'"),
        (lambda it: it.update(resources=7), "no description of an export that can be read"),
        (lambda it: it.update(resources=[[]]), "no description of an export that can be read"),
        (lambda it: it["resources"][3].update(bytes="many"), "no description of an export that can be read"),
    ],
)
def test_a_manifest_that_says_otherwise_is_found(
    unsigned: Path, change: Callable[[dict[str, Any]], object], found: str
) -> None:
    describe_anew(unsigned, change)
    faults = sentences(check_export(unsigned))
    assert any(found in sentence for sentence in faults), faults


def test_an_export_of_other_rules_is_judged_by_its_own_schemas(unsigned: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        document["rules_version"] = "0"
        document["resources"][3]["schema"].pop("primaryKey")

    describe_anew(unsigned, change)
    checked = check_export(unsigned)
    assert checked.faults == ()
    assert "version '0' of the rules" in checked.remarks[0]


# ---- the command


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


@pytest.fixture
def vgi(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., Done]:
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["vgi", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return Done(int(ended.value.code or 0), captured.out, captured.err)

    return run


def test_the_command_needs_no_warehouse_and_leaves_none(vgi: Callable[..., Done], signed: Path) -> None:
    done = vgi("check", str(signed))
    assert done.code == 0
    assert "this proves integrity, not origin" in done.out
    assert [path.name for path in signed.parent.iterdir()] == ["signed"]


def test_the_command_ends_with_1_and_a_sentence_per_fault(vgi: Callable[..., Done], signed: Path) -> None:
    (signed / "user_points.csv").unlink()
    done = vgi("check", str(signed))
    assert done.code == 1
    assert "user_points.csv: the file is missing.\n" in done.out
    assert "1 fault: do not use this export" in done.out
    told = json.loads(vgi("check", str(signed), "--json").out)
    assert told["faults"] == [
        {"file": "user_points.csv", "what": "the file is missing", "line": None, "column": None}
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "There is no warehouse vgi.duckdb to check"),
        (("--public-key", "some.pub"), "--public-key is of an export"),
        (("nowhere",), "nowhere is no folder"),
        ((".", "--public-key", "nowhere.pub"), "nowhere.pub cannot be read"),
    ],
)
def test_the_command_ends_with_2_where_it_cannot_check(
    vgi: Callable[..., Done], arguments: tuple[str, ...], said: str
) -> None:
    done = vgi("check", *arguments)
    assert (done.code, said in done.err) == (2, True)


def test_what_is_no_public_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("no key")
    with pytest.raises(BadInput, match="is not an Ed25519 public key"):
        read_public_key(tmp_path / "key")
