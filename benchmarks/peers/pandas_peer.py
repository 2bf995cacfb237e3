"""Performances by pandas: vectorised merges and group-bys on nullable integers."""

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from benchmarks.peers.tables import PERFORMANCES, TABLES

Feeds = dict[str, pd.DataFrame]

NEVER = pd.Timestamp("9999-01-01")
HALF_HOUR, SECOND = pd.Timedelta(minutes=30), pd.Timedelta(seconds=1)
PERFORMANCE = ["dr_event_id", "vehicle_id"]
PAIR = ["evse_id", "vehicle_id"]
DISPATCHED = ["vehicle_id", "region", "interval_start"]
METERED = ["metering_point_id", "interval_start"]
SEGMENT = ["session_id", "segment_from"]
SUPPRESSING = ["discharge_energy", "charging_power_limit"]


def performances(tables: Path, period_from: datetime, period_to: datetime) -> pa.Table:
    """The performances of a period, from Parquet files. OverflowError where R9 takes more than 64 bits."""
    feeds = {table: _read(tables, table) for table in TABLES if table != "meter_intervals"}
    signals = _signals_to_settle(feeds)
    of_period = signals[(signals["starts_at"] >= period_from) & (signals["starts_at"] < period_to)]
    if of_period.empty:
        return PERFORMANCES.empty_table()
    # Nothing outside the half hours of the period's events bears on them.
    events = of_period[["starts_at", "ends_at"]].drop_duplicates()
    needed = _in_half_hours(events, "starts_at", "ends_at")["interval_start"].drop_duplicates()
    dispatched = _in_half_hours(signals, "starts_at", "ends_at")
    dispatched = dispatched[dispatched["interval_start"].isin(needed)]
    permissions = pd.concat([_lease_covers(feeds), _specific_periods(feeds)])
    segments = _segments(_half_hours(feeds, needed), dispatched, permissions)
    in_range = [("interval_start", ">=", needed.min()), ("interval_start", "<=", needed.max())]
    reads = _read(tables, "meter_intervals", columns=[*METERED, "import_wh", "backfeed_wh"], filters=in_range)
    segments = _with_energy(segments, reads[reads["interval_start"].isin(needed)])
    return _measured(of_period, _performed(segments, dispatched, permissions))


def _read(tables: Path, table: str, **options: list[Any]) -> pd.DataFrame:
    return pd.read_parquet(tables / f"{table}.parquet", dtype_backend="numpy_nullable", **options)


def _seconds(duration: pd.Series) -> pd.Series:
    return duration // SECOND


def _largest(numbers: pd.Series) -> int:
    return int(numbers.fillna(0).to_numpy("int64").max(initial=0))


def _later(one: pd.Series, other: pd.Series) -> pd.Series:
    return one.where(one > other, other)


def _earlier(one: pd.Series, other: pd.Series) -> pd.Series:
    return one.where(one < other, other)


def _known(rows: pd.DataFrame, registry: pd.DataFrame, key: str, at: str) -> pd.DataFrame:
    """The rows with the registry's row in force at an instant of theirs, and whether there is one (R7)."""
    registry = registry.rename(columns={"valid_from": "known_from", "valid_to": "known_to"})
    registry = registry.sort_values("known_from")
    rows = pd.merge_asof(rows.sort_values(at), registry, left_on=at, right_on="known_from", by=key)
    rows["is_known"] = rows["known_from"].notna() & (rows[at] < rows["known_to"].fillna(NEVER))
    return rows.drop(columns=["known_from", "known_to"])


def _only_known(rows: pd.DataFrame, registry: pd.DataFrame, key: str, at: str) -> pd.DataFrame:
    return _known(rows, registry, key, at).query("is_known").drop(columns="is_known")


def _vehicles(feeds: Feeds) -> pd.DataFrame:
    return feeds["vehicles"][["vehicle_id", "valid_from", "valid_to"]]


def _signals_to_settle(feeds: Feeds) -> pd.DataFrame:
    """R13: the last signal before the event's start, if it fits the event's direction."""
    signals = feeds["dr_signals"].merge(feeds["dr_events"], on="dr_event_id").query("issued_at < starts_at")
    signals = signals.sort_values("issued_at").drop_duplicates(PERFORMANCE, keep="last")
    signals = signals[signals["amount_kind"].isin(SUPPRESSING) == (signals["direction"] == "suppression")]
    return _only_known(signals, _vehicles(feeds), "vehicle_id", "starts_at")


def _lease_covers(feeds: Feeds) -> pd.DataFrame:
    """R10: when a vehicle has an EVSE under a lease."""
    leases = feeds["permission_leases"].query("kind == 'direct' or consent_at.notna()")
    evses = feeds["evses"][["evse_id", "valid_from", "valid_to"]]
    leases = _only_known(leases, evses, "evse_id", "valid_from")
    leases = _only_known(leases, _vehicles(feeds), "vehicle_id", "valid_from")
    consent_at = leases["consent_at"].where(leases["kind"] == "indirect", leases["granted_at"])
    leases["permitted_from"] = _later(_later(leases["valid_from"], leases["granted_at"]), consent_at)
    leases["permitted_to"] = _earlier(leases["valid_to"], leases["revoked_at"].fillna(NEVER))
    return leases.query("permitted_from < permitted_to")[[*PAIR, "permitted_from", "permitted_to"]]


def _specific_periods(feeds: Feeds) -> pd.DataFrame:
    """R7: the union of the periods in which a vehicle is a specific one of an EVSE."""
    periods = feeds["specific_vehicles"].fillna({"valid_to": NEVER}).sort_values([*PAIR, "valid_from"])
    reached = periods.groupby(PAIR)["valid_to"].cummax()
    reached = reached.groupby([periods[key] for key in PAIR]).shift()
    periods["island"] = (reached.isna() | (periods["valid_from"] > reached)).cumsum()
    islands = periods.groupby([*PAIR, "island"]).agg(
        permitted_from=("valid_from", "min"), permitted_to=("valid_to", "max")
    )
    return islands.reset_index(PAIR)


def _in_half_hours(rows: pd.DataFrame, start: str, end: str) -> pd.DataFrame:
    rows = rows.assign(interval_start=rows[start].dt.floor("30min")).reset_index(drop=True)
    rows = rows.loc[rows.index.repeat(_half_hours_between(rows["interval_start"], rows[end]))]
    rows["interval_start"] += rows.groupby(level=0).cumcount() * HALF_HOUR
    return rows.reset_index(drop=True)


def _half_hours_between(first: pd.Series, end: pd.Series) -> pd.Series:
    return (end - first + HALF_HOUR - SECOND) // HALF_HOUR


def _half_hours(feeds: Feeds, needed: pd.Series) -> pd.DataFrame:
    """Ended sessions by half hour, with the EVSE's row that counts."""
    sessions = feeds["charger_sessions"].dropna(subset="ended_at")
    sessions = _known(sessions, _vehicles(feeds), "vehicle_id", "started_at")
    sessions = sessions.rename(columns={"is_known": "vehicle_is_known"})
    half_hours = _in_half_hours(sessions, "started_at", "ended_at")
    half_hours = half_hours[half_hours["interval_start"].isin(needed)]
    half_hours = _only_known(half_hours, feeds["evses"], "evse_id", "interval_start")
    started_at, ended_at, interval_start = (
        half_hours[name] for name in ("started_at", "ended_at", "interval_start")
    )
    return half_hours.assign(
        session_seconds=_seconds(ended_at - started_at),
        half_hour_from=_later(started_at, interval_start),
        half_hour_to=_earlier(ended_at, interval_start + HALF_HOUR),
    )


def _segments(half_hours: pd.DataFrame, dispatched: pd.DataFrame, permissions: pd.DataFrame) -> pd.DataFrame:
    """R8: half hours of sessions, cut where an event or a permission starts or ends."""
    starts = [half_hours.assign(segment_from=half_hours["half_hour_from"])]
    for cuts, on, edges in (
        (dispatched, DISPATCHED, ["starts_at", "ends_at"]),
        (permissions, PAIR, ["permitted_from", "permitted_to"]),
    ):
        cut = half_hours.merge(cuts[[*on, *edges]].drop_duplicates(), on=on)
        for edge in edges:
            inside = cut[(cut[edge] > cut["half_hour_from"]) & (cut[edge] < cut["half_hour_to"])]
            starts.append(inside.assign(segment_from=inside[edge]).drop(columns=edges))
    segments = pd.concat(starts).drop_duplicates(SEGMENT).sort_values(SEGMENT)
    following = segments.groupby(["session_id", "interval_start"])["segment_from"].shift(-1)
    segments["segment_to"] = following.fillna(segments["half_hour_to"])
    segments["seconds"] = _seconds(segments["segment_to"] - segments["segment_from"])
    return segments


def _with_energy(segments: pd.DataFrame, reads: pd.DataFrame) -> pd.DataFrame:
    """R9: the meter's energy, apportioned."""
    segments = segments.merge(reads, on=METERED, how="left")
    segments["half_hour"] = segments.groupby(METERED).ngroup()
    half_hour = segments["half_hour"]
    for energy, logged in (("import_wh", "charged_wh"), ("backfeed_wh", "discharged_wh")):
        logged_mwh = segments[logged] * segments["seconds"] * 1000 // segments["session_seconds"]
        is_logged = logged_mwh.groupby(half_hour).transform("sum") > 0
        weight = logged_mwh.where(is_logged, segments["seconds"])
        if _largest(segments[energy]) * _largest(weight) >= 2**63:
            raise OverflowError(f"{energy} times weight takes more than 64 bits")
        product, total = segments[energy] * weight, weight.groupby(half_hour).transform("sum")
        share, segments["remainder"] = product // total, product % total
        segments["left_over"] = segments[energy] - share.groupby(half_hour).transform("sum")
        turns = segments[segments["left_over"].fillna(0) > 0].sort_values(
            ["half_hour", "remainder", "segment_from", "session_id"], ascending=[True, False, True, True]
        )
        has_one_more = turns.groupby("half_hour").cumcount() < turns["left_over"]
        segments[energy] = share.add(has_one_more.astype("Int64"), fill_value=0).where(product.notna())
    return segments


def _performed(segments: pd.DataFrame, dispatched: pd.DataFrame, permissions: pd.DataFrame) -> pd.DataFrame:
    """R10 to R12: eligible segments with the event that they belong to."""
    permitted = segments[[*SEGMENT, "segment_to", *PAIR]].merge(permissions, on=PAIR)
    permitted = permitted.query("segment_from >= permitted_from and segment_to <= permitted_to")
    permitted = permitted[SEGMENT].drop_duplicates().assign(is_permitted=True)
    segments = segments.merge(permitted, on=SEGMENT, how="left")
    is_allowed = (segments["access"] == "public") | segments["is_permitted"].notna()
    performed = segments[segments["vehicle_is_known"] & is_allowed].merge(dispatched, on=DISPATCHED)
    performed = performed.query("segment_from >= starts_at and segment_to <= ends_at")
    return performed.sort_values(["starts_at", "dr_event_id"]).drop_duplicates(SEGMENT)


def _compliant_intervals(performed: pd.DataFrame) -> pd.Series:
    """R12, guard value: how many intervals of a performance are compliant."""
    limited = performed.query("amount_kind == 'charging_power_limit'")
    counted_from = _later(limited["starts_at"], limited["interval_start"])
    counted_to = _earlier(limited["ends_at"], limited["interval_start"] + HALF_HOUR)
    limited = limited.assign(
        in_event=_seconds(counted_to - counted_from), is_read=limited["import_wh"].notna()
    )
    intervals = limited.groupby([*PERFORMANCE, "interval_start"]).agg(
        {"seconds": "sum", "import_wh": "sum", "amount": "first", "in_event": "first"}
        | {"is_read": "all", "charged_wh": "max"}
    )
    is_long = intervals["seconds"] * 2 >= intervals["in_event"]
    is_below = intervals["import_wh"] <= intervals["amount"] * intervals["seconds"] // 3600
    compliant = intervals[intervals["is_read"] & (intervals["charged_wh"] > 0) & is_long & is_below]
    return compliant.groupby(PERFORMANCE).size().astype("Int64").rename("intervals")


def _measured(signals: pd.DataFrame, performed: pd.DataFrame) -> pa.Table:
    """R12: requested and achieved of each signal."""
    performed["backfeed_wh"] = performed["backfeed_wh"].where(performed["backfeed_capable"], 0)
    energy = performed.groupby(PERFORMANCE)[["import_wh", "backfeed_wh"]].sum()
    signals = signals.join(energy, on=PERFORMANCE).join(_compliant_intervals(performed), on=PERFORMANCE)
    starts_at, ends_at, kind = signals["starts_at"], signals["ends_at"], signals["amount_kind"]
    is_limit = kind == "charging_power_limit"
    half_hours = _half_hours_between(starts_at.dt.floor("30min"), ends_at).astype("Int64")
    mean_wh = (signals["amount"] * _seconds(ends_at - starts_at) // 3600).clip(lower=1)
    requested = signals["amount"].mask(is_limit, half_hours).mask(kind == "charging_power", mean_wh)
    achieved = signals["import_wh"].mask(kind == "discharge_energy", signals["backfeed_wh"])
    result = signals[PERFORMANCE].assign(
        unit=np.where(is_limit, "interval", "Wh"),
        requested=requested,
        achieved=achieved.mask(is_limit, signals["intervals"]).fillna(0),
    )
    return pa.Table.from_pandas(result, schema=PERFORMANCES, preserve_index=False)
