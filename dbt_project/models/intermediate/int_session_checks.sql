with

segments as (
    select * from {{ ref('int_segment_energy') }}
),

tariffs as (
    select * from {{ ref('stg_tariffs') }}
    where
        effective_from <= {{ local_date(instant_of('period_from')) }}
        and effective_to > {{ local_date(instant_of('period_from')) }}
),

directions as (
    select
        session_id,
        session_seconds,
        'import' as direction,
        charged_wh as logged_session_wh,
        sum(segment_seconds) as compared_seconds,
        sum(import_wh) as apportioned_wh,
    from segments
    where import_wh is not null
    group by all

    union all

    select
        session_id,
        session_seconds,
        'backfeed' as direction,
        discharged_wh as logged_session_wh,
        sum(segment_seconds) as compared_seconds,
        sum(compared_backfeed_wh) as apportioned_wh,
    from segments
    where compared_backfeed_wh is not null
    group by all
),

compared as (
    select
        session_id,
        direction,
        apportioned_wh,
        cast(logged_session_wh as hugeint) * compared_seconds // session_seconds as logged_wh,
    from directions
)

-- R16, by the tariff in force on the period's first day (R21); without any tariff nothing is judged.
select
    compared.session_id,
    compared.direction,
    cast(compared.apportioned_wh as bigint) as apportioned_wh,
    cast(compared.logged_wh as bigint) as logged_wh,
    cast(abs(compared.apportioned_wh - compared.logged_wh) as bigint) as difference_wh,
    coalesce(
        abs(compared.apportioned_wh - compared.logged_wh)
        > greatest(tariffs.mismatch_wh, compared.logged_wh * tariffs.mismatch_bp // 10000),
        false
    ) as is_mismatch,
from compared
left join tariffs on true
