"""Aggregators (R13, R25) and the ledger (R24)."""

from __future__ import annotations

from .achievement import rate_text
from .exceptions import is_level


def instructed(known, event):
    """R13: {aggregator_id: Wh} of the instructions to known aggregators issued last before the event's start."""
    hit = known.trace.hit
    last = {}
    for instruction in known.instructions:
        if instruction.dr_event_id != event.dr_event_id:
            continue
        if instruction.issued_at >= event.starts_at:
            hit("R13.instruction.late")
            continue
        if known.in_force("aggregators", instruction.aggregator_id, event.starts_at) is None:
            hit("R13.instruction.unknown_aggregator")
            continue
        before = last.get(instruction.aggregator_id)
        if before is not None:
            hit("R13.instruction.reissued")
        if before is None or instruction.issued_at > before.issued_at:
            last[instruction.aggregator_id] = instruction
    return {aggregator_id: i.amount_wh for aggregator_id, i in last.items()}


def aggregator_rows(known, period, events, performances):
    """R25, exports: (rows per event of the period, {(child, parent id)} whose parent is unknown or not a parent).

    `performances` are those of the period, of all kinds; only Wh kinds count (held ones included)."""
    hit = known.trace.hit
    rows, bad_parents = [], set()
    for event in events:
        at = event.starts_at
        told = instructed(known, event)
        achieved = {"child": {}, "parent": {}, "utility": {}}
        for aggregator_id in told:
            achieved[known.in_force("aggregators", aggregator_id, at).level].setdefault(aggregator_id, 0)
            hit("aggregators.instructed." + known.in_force("aggregators", aggregator_id, at).level)
            if told[aggregator_id] == 0:
                hit("aggregators.instructed_0")
        total = 0
        counted = [p for p in performances if p.event is event and p.unit == "Wh"]
        for p in counted:
            total += p.achieved
            child = p.vehicle.child_aggregator_id
            if not is_level(known, child, "child", at):
                hit(
                    "R25.child_unknown"
                    if known.in_force("aggregators", child, at) is None
                    else "R25.child_is_no_child"
                )
                continue
            achieved["child"][child] = achieved["child"].get(child, 0) + p.achieved
            parent = known.in_force("aggregators", child, at).parent_aggregator_id
            if not is_level(known, parent, "parent", at):
                hit(
                    "R25.parent_empty"
                    if parent == ""
                    else "R25.parent_unknown"
                    if known.in_force("aggregators", parent, at) is None
                    else "R25.parent_is_no_parent"
                )
                continue
            hit("aggregators.child_and_parent")
            achieved["parent"][parent] = achieved["parent"].get(parent, 0) + p.achieved
        # R25: a child with a performance of any kind, or instructed, whose named parent is not one
        children = set(achieved["child"]) | {
            p.vehicle.child_aggregator_id for p in performances if p.event is event
        }
        for child in children:
            if is_level(known, child, "child", at):
                parent = known.in_force("aggregators", child, at).parent_aggregator_id
                if parent != "" and not is_level(known, parent, "parent", at):
                    bad_parents.add((child, parent))
        if not told and not counted:
            hit("aggregators.event_without_any")
            continue
        parents_told = [
            wh for a, wh in told.items() if known.in_force("aggregators", a, at).level == "parent"
        ]
        if not parents_told:
            hit("aggregators.utility_not_instructed")
        achieved["utility"][""] = total
        for level in ("child", "parent", "utility"):
            for aggregator_id, wh in achieved[level].items():
                amount = told.get(aggregator_id)
                if level == "utility":
                    amount = sum(parents_told) if parents_told else None
                if amount is None and level != "utility":
                    hit("aggregators.not_instructed")
                rows.append(
                    dict(
                        settlement_period=period,
                        dr_event_id=event.dr_event_id,
                        level=level,
                        aggregator_id=aggregator_id,
                        instructed_wh="" if amount is None else str(amount),
                        achieved_wh=str(wh),
                        achievement_rate=rate_text(wh, amount) if amount else "",
                    )
                )
    rows.sort(key=lambda r: (r["dr_event_id"], r["level"], r["aggregator_id"]))
    return rows, bad_parents


# ---------------------------------------------------------------- R24

KEY = [
    "payee_kind",
    "payee_id",
    "dr_event_id",
    "vehicle_id",
    "evse_id",
    "lease_id",
    "access_class",
    "contract_id",
]
COLUMNS = (
    ["booking_id", "settlement_period", "booked_in_period"]
    + KEY
    + ["reason", "amount", "unit", "tariff_version"]
)


def found_amounts(lines, reductions, currency, period_tariff):
    """R24: {key: (amount, unit, tariff version)}: per line the user's points, per contract the manager's fee reduction."""
    found = {}
    for line in lines:
        p = line.performance
        key = (
            "user",
            p.vehicle.user_id,
            p.event.dr_event_id,
            p.vehicle_id,
            line.evse_id,
            line.lease_id,
            line.access_class,
            "",
        )
        found[key] = (line.points, "point", line.tariff["version"])
    for r in reductions:
        found[("manager", r.manager_id, "", "", "", "", "", r.contract_id)] = (
            r.reduction,
            currency,
            period_tariff["version"],
        )
    return found


def booked_amounts(booked, period):
    """R24: {key: (amount booked so far, unit, tariff version of the last booking)} of a period."""
    result = {}
    for row in booked:
        if row["settlement_period"] != period:
            continue
        key = tuple(row[c] for c in KEY)
        amount = result.get(key, (0, "", ""))[0] + int(row["amount"])
        result[key] = (amount, row["unit"], row["tariff_version"])
    return result


def bookings(trace, period, found, before, initial):
    """R24: the differences between found and booked; zero ones are not booked; a key that is gone is booked back to 0."""
    hit = trace.hit
    rows = []
    for key in sorted(set(found) | set(before)):
        amount, unit, version = found.get(key, (0,) + before.get(key, (0, "", ""))[1:])
        difference = amount - before.get(key, (0,))[0]
        if key in before and key not in found and difference:
            hit("R24.key_is_gone")
        if difference == 0:
            if amount:
                hit("R24.unchanged")
            continue
        if key in before and key in found:
            hit("R24.back_to_0" if amount == 0 else "R24.changed")
        hit(f"R24.{'award' if initial else 'correction'}.{key[0]}")
        row = dict(zip(KEY, key))
        row.update(
            booking_id=f"B{len(rows) + 1:06d}",
            settlement_period=period,
            booked_in_period=period,
            reason="award" if initial else "correction",
            amount=str(difference),
            unit=unit,
            tariff_version=version,
        )
        rows.append({c: row[c] for c in COLUMNS})
    return rows
