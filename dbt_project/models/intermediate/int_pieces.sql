with

visits as (
    select * from {{ ref('int_visits') }}
),

visit_events as (
    select * from {{ ref('int_visit_events') }}
),

visit_leases as (
    select * from {{ ref('int_visit_leases') }}
),

visit_specific_periods as (
    select * from {{ ref('int_visit_specific_periods') }}
),

edges as (
    select
        session_id,
        visit_from,
        visit_from as edge_at,
    from visits
    union
    select
        session_id,
        visit_from,
        visit_to as edge_at,
    from visits
    union
    select
        session_id,
        visit_from,
        unnest([starts_at, ends_at]) as edge_at,
    from visit_events
    union
    select
        session_id,
        visit_from,
        unnest([cover_from, cover_to]) as edge_at,
    from visit_leases
    union
    select
        session_id,
        visit_from,
        unnest([specific_from, specific_to]) as edge_at,
    from visit_specific_periods
),

cut as (
    select
        edges.session_id,
        edges.visit_from,
        edges.edge_at as piece_from,
        lead(edges.edge_at) over (
            partition by edges.session_id, edges.visit_from order by edges.edge_at
        ) as piece_to,
    from edges
    inner join visits
        on
            edges.session_id = visits.session_id
            and edges.visit_from = visits.visit_from
            and edges.edge_at >= visits.visit_from
            and edges.edge_at <= visits.visit_to
),

pieces as (
    select * from cut
    where piece_to is not null
),

-- R12: if several events contain a piece, the one with the smallest (starts_at, dr_event_id) has it.
piece_events as (
    select
        pieces.session_id,
        pieces.piece_from,
        min({ 'starts_at': visit_events.starts_at, 'id': visit_events.dr_event_id }).id as dr_event_id,
    from pieces
    inner join visit_events
        on
            pieces.session_id = visit_events.session_id
            and pieces.visit_from = visit_events.visit_from
            and pieces.piece_from >= visit_events.starts_at
            and pieces.piece_to <= visit_events.ends_at
    group by pieces.session_id, pieces.piece_from
),

-- R10: if several leases cover a piece, the one with the smallest (valid_from, lease_id) does.
piece_leases as (
    select
        pieces.session_id,
        pieces.piece_from,
        min({ 'valid_from': visit_leases.valid_from, 'id': visit_leases.lease_id }).id as lease_id,
    from pieces
    inner join visit_leases
        on
            pieces.session_id = visit_leases.session_id
            and pieces.visit_from = visit_leases.visit_from
            and pieces.piece_from >= visit_leases.cover_from
            and pieces.piece_to <= visit_leases.cover_to
    group by pieces.session_id, pieces.piece_from
),

piece_specific_periods as (
    select distinct
        pieces.session_id,
        pieces.piece_from,
    from pieces
    inner join visit_specific_periods
        on
            pieces.session_id = visit_specific_periods.session_id
            and pieces.visit_from = visit_specific_periods.visit_from
            and pieces.piece_from >= visit_specific_periods.specific_from
            and pieces.piece_to <= visit_specific_periods.specific_to
),

classified as (
    select
        pieces.session_id,
        visits.vehicle_id,
        visits.evse_id,
        pieces.piece_from,
        pieces.piece_to,
        visits.session_seconds,
        visits.charged_wh,
        visits.discharged_wh,
        visits.metering_point_id,
        visits.region,
        visits.backfeed_capable,
        coalesce(piece_events.dr_event_id, '') as dr_event_id,
        case
            when visits.vehicle_id = '' or not visits.vehicle_is_known then 'unpermitted'
            when piece_specific_periods.session_id is not null then 'specific'
            when visits.access = 'public' then 'public'
            when piece_leases.lease_id is not null then 'leased'
            else 'unpermitted'
        end as access_class,
        piece_leases.lease_id as covering_lease_id,
    from pieces
    inner join visits
        on pieces.session_id = visits.session_id and pieces.visit_from = visits.visit_from
    left join piece_events
        on pieces.session_id = piece_events.session_id and pieces.piece_from = piece_events.piece_from
    left join piece_leases
        on pieces.session_id = piece_leases.session_id and pieces.piece_from = piece_leases.piece_from
    left join piece_specific_periods
        on
            pieces.session_id = piece_specific_periods.session_id
            and pieces.piece_from = piece_specific_periods.piece_from
)

select
    session_id,
    vehicle_id,
    evse_id,
    piece_from,
    piece_to,
    session_seconds,
    charged_wh,
    discharged_wh,
    metering_point_id,
    region,
    backfeed_capable,
    dr_event_id,
    access_class,
    access_class != 'unpermitted' as is_eligible,
    case when access_class = 'leased' then covering_lease_id else '' end as lease_id,
from classified
