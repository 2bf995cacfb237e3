"""The fee reduction of a contract: performance, offering, cap (R20)."""

from __future__ import annotations

from pipelines.explain.facts import Facts, Row
from pipelines.explain.performances import performance_step
from pipelines.explain.steps import Step, agreed, decimal_text
from pipelines.instants import instant_text
from settlement import Tariff

# Parts are whole numbers of two-millionths of the smallest unit, as the settlement counts them.
_SCALE = 2_000_000
_SMALLEST = "smallest units"


def reduction_step(facts: Facts, stored: Row) -> Step:
    """The reduction of one contract, as the run stored it in `results.fee_reductions`."""
    tariff, contract_id = facts.monthly, stored["contract_id"]
    lines = [
        line
        for line in facts.lines_of_contract.get(contract_id, [])
        if line["contract_in_force"] and (line["access_class"], line["unit"]) == ("leased", "Wh")
    ]
    performance = sum(2 * line["payable"] * _per_kwh_milli(tariff, line["rated_w"]) for line in lines)
    offers = facts.offered.get(contract_id, [])
    offering = sum(each["w_half_hours"] for each in offers) * tariff.offering_per_kw_hour_milli
    fee = facts.monthly_fees[contract_id]
    cap = fee * tariff.contract_fee_cap_bp * 200
    reduction = min(performance + offering, cap) // _SCALE
    agreed(f"the reduction of contract {contract_id}", calculated=reduction, stored=stored["reduction_minor"])
    parts = (
        f"performance {_money(performance)} + offering {_money(offering)} = {_money(performance + offering)}"
    )
    binds = performance + offering > cap
    return Step(
        name="fee reduction of a contract",
        value=reduction,
        unit=stored["currency"],
        arithmetic=f"min({parts}, cap {_money(cap)}), rounded down",
        rules=("R20",),
        tariff_version=tariff.version,
        keys={"manager_id": stored["manager_id"], "contract_id": contract_id},
        numbers={
            "performance_minor": stored["performance_minor"],
            "offering_minor": stored["offering_minor"],
            "cap_minor": stored["cap_minor"],
            "cap_binds": binds,
        },
        rows=_contract_rows(facts, contract_id),
        steps=(
            _performance_part(facts, lines, performance=performance, stored=stored),
            _offering_part(facts, offers, offering=offering, stored=stored),
            Step(
                name="cap",
                value=_money(cap),
                unit=_SMALLEST,
                arithmetic=f"{tariff.contract_fee_cap_bp:,} bp of the monthly fee {fee:,}"
                + ("; it binds" if binds else "; it does not bind"),
                rules=("R20",),
                tariff_version=tariff.version,
                numbers={"monthly_fee_minor": fee, "contract_fee_cap_bp": tariff.contract_fee_cap_bp},
            ),
        ),
    )


def _contract_rows(facts: Facts, contract_id: str) -> tuple[int, ...]:
    evidence = facts.evidence
    return (
        *evidence.naming("contracts", "contract_id", contract_id),
        *evidence.naming("evses", "contract_id", contract_id),
    )


def _money(two_millionths: int) -> str:
    return decimal_text(two_millionths // 2, decimals=6)


def _per_kwh_milli(tariff: Tariff, rated_w: int) -> int:
    """The rate of the highest tier that the rated power reaches, 0 if there is none."""
    reached = [tier for tier in tariff.performance_tiers if tier.from_w <= rated_w]
    return max(reached).per_kwh_milli if reached else 0


def _performance_part(facts: Facts, lines: list[Row], *, performance: int, stored: Row) -> Step:
    wh = sum(line["payable"] for line in lines)
    agreed("the energy of a fee reduction", calculated=wh, stored=stored["performance_wh"])
    return Step(
        name="performance",
        value=_money(performance),
        unit=_SMALLEST,
        arithmetic=f"{wh:,} Wh payable under leases at the contract's EVSEs, per kWh by tier",
        rules=("R20",),
        tariff_version=facts.monthly.version,
        numbers={"performance_wh": wh},
        steps=tuple(_line_part(facts, line) for line in lines),
    )


def _line_part(facts: Facts, line: Row) -> Step:
    rate_milli = _per_kwh_milli(facts.monthly, line["rated_w"])
    return Step(
        name="line",
        value=decimal_text(line["payable"] * rate_milli, decimals=6),
        unit=_SMALLEST,
        arithmetic=(
            f"{line['payable']:,} Wh x {decimal_text(rate_milli, decimals=3)} per kWh, the tier of"
            f" {line['rated_w']:,} W"
        ),
        rules=("R20",),
        keys={name: line[name] for name in ("dr_event_id", "vehicle_id", "evse_id", "lease_id")},
        numbers={"payable": line["payable"], "rated_w": line["rated_w"]},
        steps=(performance_step(facts, (line["dr_event_id"], line["vehicle_id"])),),
    )


def _offering_part(facts: Facts, offers: list[Row], *, offering: int, stored: Row) -> Step:
    w_half_hours = sum(each["w_half_hours"] for each in offers)
    agreed("the energy offered", calculated=w_half_hours // 2, stored=stored["offered_wh"])
    rate = decimal_text(facts.monthly.offering_per_kw_hour_milli, decimals=3)
    return Step(
        name="offering",
        value=_money(offering),
        unit=_SMALLEST,
        arithmetic=(
            f"{decimal_text(w_half_hours * 5, decimals=4)} kWh offered x {rate}; half hours offered whole in"
            " which no specific vehicle was in session"
        ),
        rules=("R20",),
        tariff_version=facts.monthly.version,
        numbers={"w_half_hours": w_half_hours, "offering_per_kw_hour": rate},
        steps=tuple(_stretch(facts, each) for each in offers),
    )


def _stretch(facts: Facts, offered: Row) -> Step:
    return Step(
        name="offered",
        value=offered["half_hours"],
        unit="half hour",
        arithmetic=(
            f"{offered['rated_discharge_w']:,} W, {instant_text(offered['offered_from'])} to"
            f" {instant_text(offered['offered_to'])}"
        ),
        keys={
            "evse_id": offered["evse_id"],
            "from": offered["offered_from"],
            "to": offered["offered_to"],
        },
        numbers={"rated_discharge_w": offered["rated_discharge_w"], "w_half_hours": offered["w_half_hours"]},
        rows=_offer_rows(facts, offered),
    )


def _offer_rows(facts: Facts, offered: Row) -> tuple[int, ...]:
    numbers = facts.evidence.naming("evse_offers", "evse_id", offered["evse_id"])
    offers = [facts.evidence.rows[number - 1] for number in numbers]
    return tuple(
        offer.row
        for offer in offers
        if offer.values["offered_from"] < offered["offered_to"]
        and offer.values["offered_to"] > offered["offered_from"]
    )
