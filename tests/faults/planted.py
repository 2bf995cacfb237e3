"""Faults of one line each, in the SQL and in the settlement, that some test has to notice."""

from dataclasses import dataclass

INTERMEDIATE = "dbt_project/models/intermediate"
MARTS = "dbt_project/models/marts"


@dataclass(frozen=True)
class Fault:
    """`right` stands once in `file`; with `wrong` in its place the rule is broken."""

    name: str
    file: str
    right: str
    wrong: str


FAULTS = (
    Fault(
        "r02_half_hour_of_an_hour",
        "dbt_project/macros/time.sql",
        "time_bucket(interval 30 minutes, {{ instant }})",
        "time_bucket(interval 60 minutes, {{ instant }})",
    ),
    Fault(
        "r04_local_date_is_utc",
        "dbt_project/macros/time.sql",
        "cast(timezone('{{ var(\"time_zone\") }}', timezone('UTC', {{ instant }})) as date)",
        "cast({{ instant }} as date)",
    ),
    Fault(
        "r04_period_closed_at_both_ends",
        "dbt_project/macros/time.sql",
        "and {{ instant }} < {{ instant_of('period_to') }})",
        "and {{ instant }} <= {{ instant_of('period_to') }})",
    ),
    Fault(
        "r05_missing_is_zero",
        f"{INTERMEDIATE}/int_segment_energy.sql",
        "        metered_import_wh as import_wh,",
        "        coalesce(metered_import_wh, 0) as import_wh,",
    ),
    Fault(
        "r06_cancelled_rows_are_seen",
        "dbt_project/macros/versions.sql",
        "version.row_status = 'active'",
        "version.row_status != ''",
    ),
    Fault(
        "r07_valid_to_ignored",
        "dbt_project/macros/periods.sql",
        "coalesce(registry_row.valid_to, {{ never() }}),",
        "{{ never() }},",
    ),
    Fault(
        "r07_row_governs_the_half_hour_it_begins_in",
        f"{INTERMEDIATE}/int_evses_in_force.sql",
        "{{ half_hour_from('in_force_from') }} as governs_from",
        "{{ half_hour_of('in_force_from') }} as governs_from",
    ),
    Fault(
        "r07_touching_periods_are_two",
        "dbt_project/macros/periods.sql",
        "reached_before is null or reached_before < {{ from_column }}",
        "reached_before is null or reached_before <= {{ from_column }}",
    ),
    Fault(
        "r08_no_cut_at_the_end_of_a_lease",
        f"{INTERMEDIATE}/int_pieces.sql",
        "unnest([cover_from, cover_to])",
        "unnest([cover_from])",
    ),
    Fault(
        "r09_weights_ignore_the_session_length",
        "dbt_project/macros/energy.sql",
        "* 1000 // {{ session_seconds }})",
        "* 1000)",
    ),
    Fault(
        "r09_ties_to_the_larger_session",
        f"{INTERMEDIATE}/int_segment_energy.sql",
        "order by import_remainder desc, segment_from, session_id",
        "order by import_remainder desc, segment_from, session_id desc",
    ),
    Fault(
        "r09_left_over_to_the_smallest_remainder",
        f"{INTERMEDIATE}/int_segment_energy.sql",
        "order by backfeed_remainder desc, segment_from, session_id",
        "order by backfeed_remainder, segment_from, session_id",
    ),
    Fault(
        "r10_public_before_specific",
        f"{INTERMEDIATE}/int_pieces.sql",
        "when piece_specific_periods.session_id is not null then 'specific'\n"
        "            when visits.access = 'public' then 'public'",
        "when visits.access = 'public' then 'public'\n"
        "            when piece_specific_periods.session_id is not null then 'specific'",
    ),
    Fault(
        "r10_permitted_backwards",
        f"{INTERMEDIATE}/int_leases.sql",
        "when kind = 'direct' then greatest(valid_from, granted_at)",
        "when kind = 'direct' then valid_from",
    ),
    Fault(
        "r10_revocation_ignored",
        f"{INTERMEDIATE}/int_leases.sql",
        "least(valid_to, revoked_at) as ends_at",
        "valid_to as ends_at",
    ),
    Fault(
        "r11_incapable_evse_earns",
        f"{INTERMEDIATE}/int_segment_energy.sql",
        "case when backfeed_capable then backfeed_wh else 0 end as capable_backfeed_wh",
        "coalesce(backfeed_wh, 0) as capable_backfeed_wh",
    ),
    Fault(
        "r12_more_than_half_the_seconds",
        f"{INTERMEDIATE}/int_power_limit_intervals.sql",
        "segment_seconds * 2 >= event_seconds",
        "segment_seconds * 2 > event_seconds",
    ),
    Fault(
        "r12_parked_vehicle_is_compliant",
        f"{INTERMEDIATE}/int_power_limit_intervals.sql",
        "    has_charging_session\n    and segment_seconds",
        "    true\n    and segment_seconds",
    ),
    Fault(
        "r12_later_event_has_the_piece",
        f"{INTERMEDIATE}/int_pieces.sql",
        "min({ 'starts_at': visit_events.starts_at",
        "max({ 'starts_at': visit_events.starts_at",
    ),
    Fault(
        "r13_signal_at_the_start_counts",
        f"{INTERMEDIATE}/int_signals.sql",
        "signals.issued_at >= events.starts_at",
        "signals.issued_at > events.starts_at",
    ),
    Fault(
        "r15_unpermitted_reads_not_needed",
        f"{INTERMEDIATE}/int_needed_reads.sql",
        "where signals.unit = 'Wh' or segments.is_eligible",
        "where segments.is_eligible",
    ),
    Fault(
        "r15_neighbour_ignored",
        f"{INTERMEDIATE}/int_performance_holds.sql",
        "union\nselect * from open_session_at_metering_point\n",
        "",
    ),
    Fault(
        "r16_tolerance_not_inclusive",
        f"{INTERMEDIATE}/int_session_checks.sql",
        "        > greatest(tariffs.mismatch_wh",
        "        >= greatest(tariffs.mismatch_wh",
    ),
    Fault(
        "r17_circle_pays",
        "settlement/performances.py",
        'net = wide("achieved") - wide("circular_wh")',
        'net = wide("achieved")',
    ),
    Fault(
        "r17_minimum_not_inclusive",
        "settlement/performances.py",
        '(achieved * 10_000 < requested * pl.col("minimum_achievement_bp"))',
        '(achieved * 10_000 <= requested * pl.col("minimum_achievement_bp"))',
    ),
    Fault(
        "r18_reward_without_exchange",
        "settlement/lines.py",
        'leased & (pl.col("exchange_wh") < minimum_exchange_wh)',
        'leased & (pl.col("exchange_wh") < 0)',
    ),
    Fault(
        "r19_points_cut_off",
        "settlement/exact.py",
        "(numerator * 2 + denominator) // (denominator * 2)",
        "numerator // denominator",
    ),
    Fault(
        "r20_specific_vehicle_does_not_block",
        f"{INTERMEDIATE}/int_offered_half_hours.sql",
        "where occupied_half_hours.evse_id is null",
        "",
    ),
    Fault(
        "r20_late_offer_counts",
        f"{INTERMEDIATE}/int_offered_half_hours.sql",
        "half_hour_from('greatest(offers.offered_from, offers.published_at)')",
        "half_hour_from('offers.offered_from')",
    ),
    Fault(
        "r20_fee_not_capped",
        "settlement/fee_reductions.py",
        'pl.min_horizontal(pl.col("performance") + pl.col("offering"), pl.col("cap")) // _DENOMINATOR',
        '(pl.col("performance") + pl.col("offering")) // _DENOMINATOR',
    ),
    Fault(
        "r20_tier_above_the_rating",
        "settlement/fee_reductions.py",
        'pl.col("rated_w") >= tier.from_w',
        'pl.col("rated_w") > tier.from_w',
    ),
    Fault(
        "r22_unread_lease_lapses",
        "settlement/leases.py",
        'pl.col("lacks_read") | pl.col("open_session")',
        'pl.col("open_session")',
    ),
    Fault(
        "r24_booked_twice",
        "settlement/ledger.py",
        'amount=wide("amount").fill_null(0) - pl.col("booked_amount").fill_null(0)',
        'amount=wide("amount").fill_null(0)',
    ),
    Fault(
        "r25_unknown_parent_counts",
        f"{MARTS}/aggregator_achievement.sql",
        "and parent.level = 'parent'",
        "",
    ),
)
