"""R21: tariffs are dated data; a bad file is refused with one sentence per fault."""

import re
from datetime import UTC, date, datetime
from typing import Any

import pytest

from settlement import SettlementPeriod, TariffBook, TariffError, parse_tariff
from tests.settlement.given import DOCUMENT, document, tariff


def test_rates_are_thousandths_of_whole_numbers() -> None:
    parsed = tariff()
    assert {(rate.amount_kind, rate.access_class): rate.rate_milli for rate in parsed.rates} == {
        ("discharge_energy", "leased"): 40_000,
        ("discharge_energy", "specific"): 7_125,
        ("charging_power_limit", "leased"): 5_000,
        ("charge_energy", "public"): 1,
    }
    assert [(tier.from_w, tier.per_kwh_milli) for tier in parsed.performance_tiers] == [
        (3000, 4000),
        (6000, 6000),
    ]
    assert parsed.offering_per_kw_hour_milli == 50


@pytest.mark.parametrize(
    ("written", "milli"),
    [("1", 1000), (2, 2000), ("0.5", 500), ("12.345", 12_345), ("0", 0), (str(10**12), 10**15)],
)
def test_a_rate_is_exact(written: object, milli: int) -> None:
    assert tariff(fee_reduction__offering_per_kw_hour=written).offering_per_kw_hour_milli == milli


@pytest.mark.parametrize("written", [date(2023, 10, 1), "2023-10-01"])
def test_a_date_is_yamls_own_or_text(written: object) -> None:
    assert tariff(effective_from=written).effective_from == date(2023, 10, 1)


def _rates(*rates: dict[str, Any]) -> dict[str, Any]:
    return {"points__rates": list(rates)}


def _tiers(*tiers: dict[str, Any]) -> dict[str, Any]:
    return {"fee_reduction__performance_tiers": list(tiers)}


_RATE = {"amount_kind": "charge_energy", "access_class": "leased", "per_kwh": "1"}
_TIER = {"from_w": 0, "per_kwh": "1"}

_FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"colour": "red"}, "colour is not a field of a tariff"),
    ({"points__bonus": 1}, "points.bonus is not a field of a tariff"),
    ({"points": None}, "points must be a mapping of fields, not empty"),
    ({"version": 2023}, "version is 2023, not an id in letters, digits and . _ : * / -"),
    ({"version": "=SUM(A1)"}, 'version is "=SUM(A1)", not an id in letters, digits and . _ : * / -'),
    ({"effective_from": "1 Oct"}, 'effective_from is "1 Oct", not a real date written YYYY-MM-DD'),
    ({"effective_from": "2023-02-30"}, 'effective_from is "2023-02-30", not a real date written YYYY-MM-DD'),
    ({"effective_from": 20231001}, "effective_from is 20231001, not a real date written YYYY-MM-DD"),
    (
        {"effective_from": datetime(2023, 10, 1, tzinfo=UTC)},
        "effective_from is 2023-10-01 00:00:00+00:00, not a real date written YYYY-MM-DD",
    ),
    ({"time_zone": "Asia/Edo"}, 'time_zone is "Asia/Edo", not the name of a time zone such as Asia/Tokyo'),
    ({"time_zone": "Asia"}, 'time_zone is "Asia", not the name of a time zone such as Asia/Tokyo'),
    ({"time_zone": "../etc"}, 'time_zone is "../etc", not the name of a time zone such as Asia/Tokyo'),
    ({"time_zone": ""}, 'time_zone is "", not the name of a time zone such as Asia/Tokyo'),
    ({"time_zone": "localtime"}, 'time_zone is "localtime", not the name of a time zone such as Asia/Tokyo'),
    ({"currency": "yen"}, 'currency is "yen", not a currency code of three capital letters'),
    ({"currency_digits": 9}, "currency_digits is 9, outside 0 to 4"),
    ({"currency_digits": True}, "currency_digits must be a whole number, not true"),
    ({"points__minimum_achievement_bp": -1}, "points.minimum_achievement_bp is -1, outside 0 to 1000000"),
    (
        {"points__over_delivery_cap_bp": "1"},
        'points.over_delivery_cap_bp is "1", not a whole number in plain digits; write it like 12000',
    ),
    (
        {"points__over_delivery_cap_bp": 1.2},
        "points.over_delivery_cap_bp must be a whole number, not the binary float 1.2",
    ),
    ({"points__payable_qualities": "A"}, 'points.payable_qualities must be a list, not "A"'),
    (
        {"points__payable_qualities": []},
        "points.payable_qualities names no quality, so that nothing would ever be paid",
    ),
    ({"points__payable_qualities": ["A", "N"]}, 'points.payable_qualities[1] is "N", not one of A, S, E'),
    ({"points__payable_qualities": ["A", "A"]}, "points.payable_qualities names A twice"),
    (_rates("x"), 'points.rates[0] must be a mapping of fields, not "x"'),  # type: ignore[arg-type]
    (
        _rates(_RATE | {"amount_kind": "heat"}),
        'points.rates[0].amount_kind is "heat", not one of discharge_energy, charging_power_limit, '
        "charge_energy, charging_power",
    ),
    (
        _rates(_RATE | {"access_class": "unpermitted"}),
        'points.rates[0].access_class is "unpermitted", not one of specific, public, leased',
    ),
    (_rates(_RATE, _RATE), "points.rates has more than one rate for charge_energy and leased"),
    (
        _rates(_RATE | {"per_kwh": 0.1}),
        "points.rates[0].per_kwh is the binary float 0.1; write it as a quoted decimal",
    ),
    (_rates(_RATE | {"per_kwh": "-1"}), "points.rates[0].per_kwh is -1; a rate is never negative"),
    (_rates(_RATE | {"per_kwh": -1}), "points.rates[0].per_kwh is -1; a rate is never negative"),
    (
        _rates(_RATE | {"per_kwh": "0.1234"}),
        'points.rates[0].per_kwh is "0.1234"; a rate has at most 3 decimals',
    ),
    (
        _rates(_RATE | {"per_kwh": "1e3"}),
        'points.rates[0].per_kwh is "1e3", not a plain decimal of at most 1000000000000; write it like '
        '"12.345"',
    ),
    (
        _rates(_RATE | {"per_kwh": "９"}),
        'points.rates[0].per_kwh is "９", not a plain decimal of at most 1000000000000; write it like '
        '"12.345"',
    ),
    (
        _rates(_RATE | {"per_kwh": "012"}),
        'points.rates[0].per_kwh is "012", not a plain decimal of at most 1000000000000; write it like '
        '"12.345"',
    ),
    (
        _rates(_RATE | {"per_kwh": 10**13}),
        'points.rates[0].per_kwh is "10000000000000", not a plain decimal of at most 1000000000000; write it '
        'like "12.345"',
    ),
    (
        _rates(_RATE | {"per_kwh": "1000000000000.001"}),
        'points.rates[0].per_kwh is "1000000000000.001", more than 1000000000000',
    ),
    (_rates(_RATE | {"per_kwh": True}), "points.rates[0].per_kwh must be a quoted decimal, not true"),
    (_tiers({"from_w": 0}), "fee_reduction.performance_tiers[0].per_kwh is missing"),
    (_tiers(_TIER, _TIER), "fee_reduction.performance_tiers has more than one tier from 0 W"),
    (
        _tiers(_TIER | {"from_w": -1}),
        "fee_reduction.performance_tiers[0].from_w is -1, outside 0 to 1000000000000",
    ),
    (
        {"fee_reduction__offering_per_kw_hour": 0.05},
        "fee_reduction.offering_per_kw_hour is the binary float 0.05; write it as a quoted decimal",
    ),
    ({"checks__minimum_exchange_wh": None}, "checks.minimum_exchange_wh must be a whole number, not empty"),
]


@pytest.mark.parametrize(("changes", "sentence"), _FAULTS, ids=[sentence for _, sentence in _FAULTS])
def test_each_fault_has_its_sentence(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(TariffError) as error:
        parse_tariff(document(**changes), source="jp.yaml")
    assert error.value.faults == (f"jp.yaml: {sentence}.",)


@pytest.mark.parametrize("name", list(DOCUMENT))
def test_a_missing_field_is_named(name: str) -> None:
    changed = {field: value for field, value in DOCUMENT.items() if field != name}
    with pytest.raises(TariffError) as error:
        parse_tariff(changed, source="jp.yaml")
    assert error.value.faults == (f"jp.yaml: {name} is missing.",)


def test_a_rate_is_per_interval_for_a_guard_value_and_per_kwh_for_energy() -> None:
    per_kwh_on_intervals = {"amount_kind": "charging_power_limit", "access_class": "leased", "per_kwh": "1"}
    with pytest.raises(TariffError) as error:
        parse_tariff(document(**_rates(per_kwh_on_intervals)), source="jp.yaml")
    assert error.value.faults == (
        "jp.yaml: points.rates[0].per_interval is missing.",
        "jp.yaml: points.rates[0].per_kwh is not a field of a tariff.",
    )


def test_all_faults_of_a_file_are_named_at_once() -> None:
    bad = document(currency="yen", checks__mismatch_bp=-5, fee_reduction__offering_per_kw_hour=1.5)
    with pytest.raises(TariffError) as error:
        parse_tariff(bad, source="jp.yaml")
    assert len(error.value.faults) == 3
    assert str(error.value) == "\n".join(error.value.faults)


@pytest.mark.parametrize(("loaded", "shown"), [(None, "empty"), ([], "a list"), ("x", '"x"')])
def test_a_document_that_is_no_mapping_is_refused(loaded: object, shown: str) -> None:
    with pytest.raises(TariffError, match=f"jp.yaml: the document must be a mapping of fields, not {shown}"):
        parse_tariff(loaded, source="jp.yaml")


def test_the_content_hash_tells_contents_from_layout() -> None:
    layout = tariff(**_tiers({"per_kwh": "6", "from_w": 6000}, {"per_kwh": 4, "from_w": 3000}))
    assert layout.content_sha256 == tariff().content_sha256
    assert tariff(checks__mismatch_wh=501).content_sha256 != tariff().content_sha256


def test_the_latest_version_at_or_before_a_date_is_in_force() -> None:
    october, december = tariff(), tariff(version="jp-2023-12", effective_from="2023-12-10")
    book = TariffBook.of([december, october])
    assert book.versions == ("jp-2023-10", "jp-2023-12")
    assert book.in_force_on(date(2023, 12, 9)) == october
    assert book.in_force_on(date(2023, 12, 10)) == december
    with pytest.raises(
        TariffError, match=re.escape("No tariff is in force on 2023-09-30: the earliest, jp-2023-10")
    ):
        book.in_force_on(date(2023, 9, 30))


def test_a_period_has_the_versions_that_can_apply_in_it() -> None:
    book = TariffBook.of(
        tariff(version=version, effective_from=day)
        for version, day in [
            ("a", "2023-09-01"),
            ("b", "2023-12-01"),
            ("c", "2023-12-31"),
            ("d", "2024-01-01"),
        ]
    )
    assert book.for_period(SettlementPeriod.parse("2023-12")).versions == ("b", "c")
    assert book.for_period(SettlementPeriod.parse("2023-11")).versions == ("a",)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"version": "x"}, "Tariffs jp-2023-10 and x both take effect on 2023-10-01; withdraw one of them."),
        (
            {"effective_from": "2024-01-01"},
            "Two tariffs are called jp-2023-10; give each its own version.",
        ),
        (
            {"version": "x", "effective_from": "2024-01-01", "currency": "USD"},
            "Tariffs jp-2023-10 and x differ in currency (JPY and USD); one programme has one.",
        ),
        (
            {"version": "x", "effective_from": "2024-01-01", "currency_digits": 2},
            "Tariffs jp-2023-10 and x differ in currency_digits (0 and 2); one programme has one.",
        ),
        (
            {"version": "x", "effective_from": "2024-01-01", "time_zone": "Europe/Berlin"},
            "Tariffs jp-2023-10 and x differ in time_zone (Asia/Tokyo and Europe/Berlin); "
            "one programme has one.",
        ),
    ],
)
def test_versions_do_not_contradict_each_other(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(TariffError) as error:
        TariffBook.of([tariff(), tariff(**changes)])
    assert error.value.faults == (sentence,)


def test_a_book_has_a_tariff() -> None:
    with pytest.raises(TariffError, match="There is no tariff"):
        TariffBook.of([])
