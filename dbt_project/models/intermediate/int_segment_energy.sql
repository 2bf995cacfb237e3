with

segments as (
    select * from {{ ref('int_segments') }}
),

reads as (
    select * from {{ ref('stg_meter_intervals') }}
),

half_hours as (
    select
        metering_point_id,
        interval_start,
        count(*) as segment_count,
        sum(import_weight_mwh) as import_weight_mwh,
        sum(backfeed_weight_mwh) as backfeed_weight_mwh,
    from segments
    group by metering_point_id, interval_start
),

metered as (
    select
        half_hours.*,
        reads.import_wh,
        reads.backfeed_wh,
        {{ direction_quality('reads.import_wh', 'reads.quality') }} as import_quality,
        {{ direction_quality('reads.backfeed_wh', 'reads.quality') }} as backfeed_quality,
    from half_hours
    left join reads
        on
            half_hours.metering_point_id = reads.metering_point_id
            and half_hours.interval_start = reads.interval_start
),

joined as (
    select
        segments.* exclude (import_weight_mwh, backfeed_weight_mwh),
        metered.segment_count,
        metered.import_wh as metered_import_wh,
        metered.backfeed_wh as metered_backfeed_wh,
        metered.import_quality,
        metered.backfeed_quality,
        case when metered.import_weight_mwh > 0 then segments.import_weight_mwh else segments.segment_seconds end
            as import_weight,
        case when metered.backfeed_weight_mwh > 0 then segments.backfeed_weight_mwh else segments.segment_seconds end
            as backfeed_weight,
    from segments
    inner join metered
        on
            segments.metering_point_id = metered.metering_point_id
            and segments.interval_start = metered.interval_start
),

-- A segment alone in its half hour takes all of it, whatever its weight.
alone as (
    select
        * exclude (import_weight, backfeed_weight, segment_count, metered_import_wh, metered_backfeed_wh),
        metered_import_wh as import_wh,
        metered_backfeed_wh as backfeed_wh,
    from joined
    where segment_count = 1
),

shared as (
    select
        *,
        cast(metered_import_wh as hugeint) * import_weight
        // sum(import_weight) over half_hour as import_floor_wh,
        cast(metered_import_wh as hugeint) * import_weight
        % sum(import_weight) over half_hour as import_remainder,
        cast(metered_backfeed_wh as hugeint) * backfeed_weight
        // sum(backfeed_weight) over half_hour as backfeed_floor_wh,
        cast(metered_backfeed_wh as hugeint) * backfeed_weight
        % sum(backfeed_weight) over half_hour as backfeed_remainder,
    from joined
    where segment_count > 1
    window half_hour as (partition by metering_point_id, interval_start)
),

ranked as (
    select
        *,
        metered_import_wh - sum(import_floor_wh) over half_hour as import_left_over_wh,
        metered_backfeed_wh - sum(backfeed_floor_wh) over half_hour as backfeed_left_over_wh,
        row_number() over (half_hour order by import_remainder desc, segment_from, session_id) as import_turn,
        row_number() over (half_hour order by backfeed_remainder desc, segment_from, session_id) as backfeed_turn,
    from shared
    window half_hour as (partition by metering_point_id, interval_start)
),

-- R9: shares by largest remainder; ties to the earlier segment, then the smaller session_id.
apportioned as (
    select
        * exclude (
            import_weight, backfeed_weight, segment_count, metered_import_wh, metered_backfeed_wh,
            import_floor_wh, import_remainder, backfeed_floor_wh, backfeed_remainder,
            import_left_over_wh, backfeed_left_over_wh, import_turn, backfeed_turn
        ),
        cast(import_floor_wh + cast(import_turn <= import_left_over_wh as integer) as bigint) as import_wh,
        cast(backfeed_floor_wh + cast(backfeed_turn <= backfeed_left_over_wh as integer) as bigint) as backfeed_wh,
    from ranked
),

energy as (
    select * from alone
    union all by name
    select * from apportioned
)

select
    session_id,
    vehicle_id,
    evse_id,
    metering_point_id,
    interval_start,
    segment_from,
    segment_to,
    segment_seconds,
    session_seconds,
    charged_wh,
    discharged_wh,
    region,
    backfeed_capable,
    dr_event_id,
    access_class,
    is_eligible,
    lease_id,
    import_wh,
    backfeed_wh,
    -- R11: where nothing can be fed back no read is needed, and none counts as 0.
    case when not backfeed_capable then coalesce(backfeed_wh, 0) else backfeed_wh end as compared_backfeed_wh,
    case when backfeed_capable then backfeed_wh else 0 end as capable_backfeed_wh,
    import_quality,
    backfeed_quality,
from energy
