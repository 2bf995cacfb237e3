"""Performances by Polars: lazy frames on the streaming engine, expressions throughout."""

from datetime import datetime
from pathlib import Path

import polars as pl
import pyarrow as pa
from polars import col

from benchmarks.peers.tables import PERFORMANCES, TABLES

Feeds = dict[str, pl.LazyFrame]

NEVER = pl.datetime(9999, 1, 1)
PERFORMANCE = ["dr_event_id", "vehicle_id"]
PAIR = ["evse_id", "vehicle_id"]
DISPATCHED = ["vehicle_id", "region", "interval_start"]
METERED = ["metering_point_id", "interval_start"]
SUPPRESSING = ["discharge_energy", "charging_power_limit"]


def performances(tables: Path, period_from: datetime, period_to: datetime) -> pa.Table:
    """The performances of a period, from Parquet files."""
    feeds = {table: pl.scan_parquet(tables / f"{table}.parquet") for table in TABLES}
    signals = _computed(_signals_to_settle(feeds))
    of_period = signals.filter(col("starts_at") >= period_from, col("starts_at") < period_to)
    # Nothing outside the half hours of the period's events bears on them.
    events = of_period.select("starts_at", "ends_at").unique()
    needed = _computed(_in_half_hours(events, "starts_at", "ends_at").select("interval_start").unique())
    dispatched = _in_half_hours(signals, "starts_at", "ends_at").join(needed, on="interval_start", how="semi")
    permissions = _computed(pl.concat([_lease_covers(feeds), _specific_periods(feeds)]))
    segments = _segments(_computed(_half_hours(feeds, needed)), dispatched, permissions)
    reads = feeds["meter_intervals"].join(needed, on="interval_start", how="semi")
    segments = _computed(_with_energy(segments, reads))
    performed = _computed(_performed(segments, dispatched, permissions))
    return _measured(of_period, performed).collect(engine="streaming").to_arrow().cast(PERFORMANCES)


def _computed(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Rows that more than one query needs, computed once."""
    return rows.collect(engine="streaming").lazy()


def _seconds(start: str, end: str) -> pl.Expr:
    return (col(end) - col(start)).dt.total_seconds()


def _known(rows: pl.LazyFrame, registry: pl.LazyFrame, key: str, at: str) -> pl.LazyFrame:
    """The rows with the registry's row in force at an instant of theirs, and whether there is one (R7)."""
    registry = registry.rename({"valid_from": "known_from", "valid_to": "known_to"}).sort("known_from")
    is_known = col("known_from").is_not_null() & (col(at) < col("known_to").fill_null(NEVER))
    found = rows.sort(at).join_asof(
        registry, left_on=at, right_on="known_from", by=key, check_sortedness=False
    )
    return found.with_columns(is_known=is_known).drop("known_from", "known_to")


def _only_known(rows: pl.LazyFrame, registry: pl.LazyFrame, key: str, at: str) -> pl.LazyFrame:
    return _known(rows, registry, key, at).filter("is_known").drop("is_known")


def _vehicles(feeds: Feeds) -> pl.LazyFrame:
    return feeds["vehicles"].select("vehicle_id", "valid_from", "valid_to")


def _signals_to_settle(feeds: Feeds) -> pl.LazyFrame:
    """R13: the last signal before the event's start, if it fits the event's direction."""
    signals = feeds["dr_signals"].join(feeds["dr_events"], on="dr_event_id")
    signals = signals.filter(col("issued_at") < col("starts_at")).sort("issued_at")
    signals = signals.unique(PERFORMANCE, keep="last").filter(
        col("amount_kind").is_in(SUPPRESSING) == (col("direction") == "suppression")
    )
    return _only_known(signals, _vehicles(feeds), "vehicle_id", "starts_at")


def _lease_covers(feeds: Feeds) -> pl.LazyFrame:
    """R10: when a vehicle has an EVSE under a lease."""
    is_direct = col("kind") == "direct"
    leases = feeds["permission_leases"].filter(is_direct | col("consent_at").is_not_null())
    evses = feeds["evses"].select("evse_id", "valid_from", "valid_to")
    leases = _only_known(leases, evses, "evse_id", "valid_from")
    leases = _only_known(leases, _vehicles(feeds), "vehicle_id", "valid_from")
    return leases.select(
        *PAIR,
        permitted_from=pl.max_horizontal("valid_from", "granted_at", pl.when(~is_direct).then("consent_at")),
        permitted_to=pl.min_horizontal("valid_to", "revoked_at"),
    ).filter(col("permitted_from") < col("permitted_to"))


def _specific_periods(feeds: Feeds) -> pl.LazyFrame:
    """R7: the union of the periods in which a vehicle is a specific one of an EVSE."""
    periods = feeds["specific_vehicles"].with_columns(col("valid_to").fill_null(NEVER)).sort("valid_from")
    is_first = (col("valid_from") > col("valid_to").cum_max().shift(1)).fill_null(True)
    islands = periods.with_columns(island=is_first.cum_sum().over(PAIR)).group_by(*PAIR, "island")
    return islands.agg(permitted_from=col("valid_from").min(), permitted_to=col("valid_to").max()).drop(
        "island"
    )


def _in_half_hours(rows: pl.LazyFrame, start: str, end: str) -> pl.LazyFrame:
    starts = pl.datetime_ranges(col(start).dt.truncate("30m"), end, interval="30m", closed="left")
    return rows.with_columns(interval_start=starts).explode("interval_start")


def _half_hours(feeds: Feeds, needed: pl.LazyFrame) -> pl.LazyFrame:
    """Ended sessions by half hour, with the EVSE's row that counts."""
    sessions = feeds["charger_sessions"].filter(col("ended_at").is_not_null())
    sessions = _known(sessions, _vehicles(feeds), "vehicle_id", "started_at")
    sessions = sessions.rename({"is_known": "vehicle_is_known"})
    half_hours = _in_half_hours(sessions, "started_at", "ended_at")
    half_hours = half_hours.join(needed, on="interval_start", how="semi")
    evses = feeds["evses"].select(
        *("evse_id", "valid_from", "valid_to", "region", "metering_point_id", "access", "backfeed_capable")
    )
    return _only_known(half_hours, evses, "evse_id", "interval_start").with_columns(
        session_seconds=_seconds("started_at", "ended_at"),
        half_hour_from=pl.max_horizontal("started_at", "interval_start"),
        half_hour_to=pl.min_horizontal("ended_at", col("interval_start").dt.offset_by("30m")),
    )


def _segments(half_hours: pl.LazyFrame, dispatched: pl.LazyFrame, permissions: pl.LazyFrame) -> pl.LazyFrame:
    """R8: half hours of sessions, cut where an event or a permission starts or ends."""
    session_half_hour = ["session_id", "interval_start"]
    starts = [half_hours.select(*session_half_hour, segment_from="half_hour_from")]
    for cuts, on, edges in (
        (dispatched, DISPATCHED, ["starts_at", "ends_at"]),
        (permissions, PAIR, ["permitted_from", "permitted_to"]),
    ):
        cut = half_hours.join(cuts.select(*on, *edges), on=on)
        for edge in edges:
            inside = cut.filter(col(edge) > col("half_hour_from"), col(edge) < col("half_hour_to"))
            starts.append(inside.select(*session_half_hour, segment_from=edge))
    following = col("segment_from").shift(-1).over(session_half_hour, order_by="segment_from")
    pieces = pl.concat(starts).unique().with_columns(segment_to=following)
    segments = half_hours.join(pieces, on=session_half_hour).with_columns(
        col("segment_to").fill_null(col("half_hour_to"))
    )
    return segments.with_columns(seconds=_seconds("segment_from", "segment_to"))


def _with_energy(segments: pl.LazyFrame, reads: pl.LazyFrame) -> pl.LazyFrame:
    """R9: the meter's energy, apportioned."""
    # Of equal remainders, the ordinal rank gives the first row the first turn.
    shared = segments.join(reads, on=METERED, how="left").sort("segment_from", "session_id")
    for energy, logged in (("import_wh", "charged_wh"), ("backfeed_wh", "discharged_wh")):
        logged_mwh = col(logged) * col("seconds") * 1000 // col("session_seconds")
        is_logged = logged_mwh.sum().over(METERED) > 0
        product = col(energy).cast(pl.Int128) * col("weight")
        shared = (
            shared.with_columns(weight=pl.when(is_logged).then(logged_mwh).otherwise("seconds"))
            .with_columns(total=col("weight").sum().over(METERED))
            .with_columns(
                share=(product // col("total")).cast(pl.Int64),
                remainder=(product % col("total")).cast(pl.Int64),
            )
            .with_columns(
                left_over=col(energy) - col("share").sum().over(METERED),
                turn=(-col("remainder")).rank("ordinal").over(METERED),
            )
            .with_columns((col("share") + (col("turn") <= col("left_over"))).alias(energy))
        )
    return shared


def _performed(segments: pl.LazyFrame, dispatched: pl.LazyFrame, permissions: pl.LazyFrame) -> pl.LazyFrame:
    """R10 to R12: eligible segments with the event that they belong to."""
    segment = ["session_id", "segment_from"]

    def within(rows: pl.LazyFrame, start: str, end: str) -> pl.LazyFrame:
        return rows.filter(col("segment_from") >= col(start), col("segment_to") <= col(end))

    permitted = segments.select(*segment, "segment_to", *PAIR).join(permissions, on=PAIR)
    permitted = within(permitted, "permitted_from", "permitted_to").select(*segment, is_permitted=True)
    eligible = segments.join(permitted.unique(), on=segment, how="left").filter(
        "vehicle_is_known", (col("access") == "public") | col("is_permitted")
    )
    performed = within(eligible.join(dispatched, on=DISPATCHED), "starts_at", "ends_at").select(
        *(*segment, *PERFORMANCE, "interval_start", "starts_at", "ends_at", "amount_kind", "amount"),
        *("seconds", "charged_wh", "import_wh", "backfeed_wh", "backfeed_capable"),
    )
    return performed.sort("starts_at", "dr_event_id").unique(segment, keep="first")


def _compliant_intervals(performed: pl.LazyFrame) -> pl.LazyFrame:
    """R12, guard value: how many intervals of a performance are compliant."""
    limited = performed.filter(col("amount_kind") == "charging_power_limit").with_columns(
        counted_from=pl.max_horizontal("starts_at", "interval_start"),
        counted_to=pl.min_horizontal("ends_at", col("interval_start").dt.offset_by("30m")),
    )
    intervals = limited.group_by(*PERFORMANCE, "interval_start").agg(
        col("seconds", "import_wh").sum(),
        col("amount").first(),
        in_event=_seconds("counted_from", "counted_to").first(),
        is_read=col("import_wh").is_not_null().all(),
        is_charging=(col("charged_wh") > 0).any(),
    )
    is_long = col("seconds") * 2 >= col("in_event")
    is_below = col("import_wh") <= col("amount") * col("seconds") // 3600
    compliant = intervals.filter("is_read", "is_charging", is_long, is_below)
    return compliant.group_by(PERFORMANCE).agg(intervals=pl.len())


def _measured(signals: pl.LazyFrame, performed: pl.LazyFrame) -> pl.LazyFrame:
    """R12: requested and achieved of each signal."""
    energy = performed.group_by(PERFORMANCE).agg(
        col("import_wh").sum(), col("backfeed_wh").filter("backfeed_capable").sum()
    )
    kind, is_limit = col("amount_kind"), col("amount_kind") == "charging_power_limit"
    half_hours = ((col("ends_at") - col("starts_at").dt.truncate("30m")).dt.total_seconds() + 1799) // 1800
    mean_wh = (col("amount") * _seconds("starts_at", "ends_at") // 3600).clip(1)
    requested = pl.when(is_limit).then(half_hours).when(kind == "charging_power").then(mean_wh)
    achieved = pl.when(is_limit).then("intervals").when(kind == "discharge_energy").then("backfeed_wh")
    return (
        signals.join(energy, on=PERFORMANCE, how="left")
        .join(_compliant_intervals(performed), on=PERFORMANCE, how="left")
        .select(
            *PERFORMANCE,
            unit=pl.when(is_limit).then(pl.lit("interval")).otherwise(pl.lit("Wh")),
            requested=requested.otherwise("amount"),
            achieved=achieved.otherwise("import_wh").fill_null(0),
        )
    )
