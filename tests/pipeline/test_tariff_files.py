"""Tariff files: one sentence per fault, with file and line (R21)."""

from pathlib import Path

import pytest

from pipelines.errors import BadInput
from pipelines.tariff_files import read_tariffs
from settlement import SettlementPeriod
from tests.pipeline.programme import TARIFF, write_tariffs


def faults(folder: Path) -> list[str]:
    with pytest.raises(BadInput) as caught:
        read_tariffs(folder)
    return str(caught.value).splitlines()


def test_every_version_of_the_folder_is_read(tmp_path: Path) -> None:
    write_tariffs(tmp_path)
    later = TARIFF.replace("jp-2023-10", "jp-2024-01").replace("2023-10-01", "2024-01-01")
    (tmp_path / "later.yml").write_text(later)
    (tmp_path / "README.md").write_text("not a tariff")
    (tmp_path / ".2023-10.yaml").write_text("of an editor")
    tariffs = read_tariffs(tmp_path)
    assert tariffs.book.versions == ("jp-2023-10", "jp-2024-01")
    assert tariffs.documents["jp-2024-01"] == later


def test_a_run_applies_the_versions_of_its_period_only(tmp_path: Path) -> None:
    write_tariffs(tmp_path)
    later = TARIFF.replace("jp-2023-10", "jp-2024-01").replace("2023-10-01", "2024-01-15")
    (tmp_path / "later.yaml").write_text(later)
    tariffs = read_tariffs(tmp_path)
    versions = {
        period: [tariff.version for tariff in tariffs.of_period(SettlementPeriod.parse(period))]
        for period in ("2023-12", "2024-01", "2024-02")
    }
    assert versions == {
        "2023-12": ["jp-2023-10"],
        "2024-01": ["jp-2023-10", "jp-2024-01"],
        "2024-02": ["jp-2024-01"],
    }


def test_faults_name_file_and_line(tmp_path: Path) -> None:
    text = TARIFF.replace('per_kwh: "40"', "per_kwh: 40.5").replace("currency: JPY", "currency: yen")
    path = write_tariffs(tmp_path, text) / "2023-10.yaml"
    assert [fault.split(" ")[0] for fault in faults(tmp_path)] == [f"{path}:4:", f"{path}:11:"]
    assert "write it as a quoted decimal" in faults(tmp_path)[1]


def test_a_missing_field_is_found_in_its_section(tmp_path: Path) -> None:
    path = write_tariffs(tmp_path, TARIFF.replace("  minimum_achievement_bp: 5000\n", "")) / "2023-10.yaml"
    assert faults(tmp_path) == [f"{path}:6: points.minimum_achievement_bp is missing."]


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    path = write_tariffs(tmp_path, TARIFF + "currency: EUR\n") / "2023-10.yaml"
    assert faults(tmp_path) == [f"{path}:19: is not usable YAML: the key 'currency' stands twice."]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a: [", ":1: is not usable YAML"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"", "must be a mapping of fields, not empty"),
        (b"- 1", "must be a mapping of fields"),
        (b"a: 1\n---\nb: 2\n", "is not usable YAML"),
        (b"!!python/object/apply:os.system ['true']", "is not usable YAML"),
        (b"? [1]\n: 2\n", "2023-10.yaml"),
        (b"a: 2023-13-45\n", "2023-10.yaml"),
        (b'a: "\\UFFFFFFFF"\n', "is not usable YAML"),
        (b"a: \x00\n", "is not usable YAML"),
    ],
)
def test_what_is_no_tariff_is_refused_with_a_sentence(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "2023-10.yaml").write_bytes(content)
    assert said in faults(tmp_path)[0]


@pytest.mark.parametrize(
    "written",
    [
        "012000",
        "0x10",
        "0o17",
        "0b1",
        "12_000",
        "1:30",
        "3:20",
        "+5",
        "1e3",
        "00",
        "1" * 5000,
        "yes",
        "2023-12-01",
        '"12000"',
    ],
)
def test_a_whole_number_is_plain_digits(tmp_path: Path, written: str) -> None:
    changed = TARIFF.replace("over_delivery_cap_bp: 12000", f"over_delivery_cap_bp: {written}")
    path = write_tariffs(tmp_path, changed) / "2023-10.yaml"
    shown = written.strip('"')
    shown = shown if len(shown) <= 60 else f"{shown[:60]}…"
    assert faults(tmp_path) == [
        f'{path}:8: points.over_delivery_cap_bp is "{shown}", not a whole number in plain digits;'
        " write it like 12000."
    ]


@pytest.mark.parametrize("written", ["012", "1_0", "1:30", "1:30.5", "0x10", ".inf", '"012"', "1_0.5"])
def test_a_rate_is_a_plain_decimal(tmp_path: Path, written: str) -> None:
    path = write_tariffs(tmp_path, TARIFF.replace('"40"', written)) / "2023-10.yaml"
    shown = written.strip('"')
    assert faults(tmp_path)[0].startswith(
        f'{path}:11: points.rates[0].per_kwh is "{shown}", not a plain decimal'
    )


@pytest.mark.parametrize("written", ["12000", "0", "5120"])
def test_plain_digits_are_taken(tmp_path: Path, written: str) -> None:
    write_tariffs(tmp_path, TARIFF.replace("bp: 12000", f"bp: {written}"))
    assert read_tariffs(tmp_path).book.tariffs[0].over_delivery_cap_bp == int(written)


@pytest.mark.parametrize("written", ["2023-13-01", "2023-02-30", "2023-10-1", "2023-10-01 00:00:00"])
def test_an_impossible_date_is_named_with_its_line(tmp_path: Path, written: str) -> None:
    changed = TARIFF.replace("effective_from: 2023-10-01", f"effective_from: {written}")
    path = write_tariffs(tmp_path, changed) / "2023-10.yaml"
    assert faults(tmp_path) == [
        f'{path}:2: effective_from is "{written}", not a real date written YYYY-MM-DD.'
    ]


def test_a_tag_or_a_merge_key_cannot_bring_a_hidden_number_in(tmp_path: Path) -> None:
    tagged = TARIFF.replace("over_delivery_cap_bp: 12000", "over_delivery_cap_bp: !!int 012000")
    path = write_tariffs(tmp_path, tagged) / "2023-10.yaml"
    assert faults(tmp_path) == [
        f"{path}:8: is not usable YAML: the tag tag:yaml.org,2002:int is not taken;"
        " write the value without it."
    ]
    write_tariffs(tmp_path, TARIFF.replace("checks: {", "checks: {<<: {mismatch_wh: 1}, "))
    assert faults(tmp_path) == [f"{path}:18: checks.<< is not a field of a tariff."]


def test_a_word_of_yaml_1_1_is_text(tmp_path: Path) -> None:
    write_tariffs(tmp_path, TARIFF.replace("version: jp-2023-10", "version: no"))
    assert read_tariffs(tmp_path).book.versions == ("no",)


def test_a_version_that_two_files_have_is_one_sentence(tmp_path: Path) -> None:
    path = write_tariffs(tmp_path) / "2023-10.yaml"
    copy = tmp_path / "copy.yaml"
    copy.write_text(TARIFF)
    assert faults(tmp_path) == [
        f"{path} and {copy} are both the version jp-2023-10; give each its own version, or take one away."
    ]


def test_two_versions_of_one_date_are_refused(tmp_path: Path) -> None:
    write_tariffs(tmp_path)
    (tmp_path / "other.yaml").write_text(TARIFF.replace("jp-2023-10", "jp-other"))
    assert "both take effect on 2023-10-01" in faults(tmp_path)[0]


def test_a_folder_without_tariffs_is_refused(tmp_path: Path) -> None:
    assert "holds no tariff file" in faults(tmp_path)[0]
    assert "is not a folder" in faults(tmp_path / "nowhere")[0]


def test_a_value_or_a_name_without_end_does_not_make_a_sentence_without_end(tmp_path: Path) -> None:
    for changed in (
        TARIFF.replace("jp-2023-10", "jp-" + "9" * 5000 + " "),
        TARIFF + "? " + "x" * 5000 + "\n: 1\n",
        TARIFF + ("? " + "x" * 5000 + "\n: 1\n") * 2,
    ):
        write_tariffs(tmp_path, changed)
        assert all(len(fault) < 1200 for fault in faults(tmp_path))
