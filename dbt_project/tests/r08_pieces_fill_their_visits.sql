with

visits as (
    select
        session_id,
        sum({{ seconds_between('visit_from', 'visit_to') }}) as visited_seconds,
    from {{ ref('int_visits') }}
    group by session_id
),

following as (
    select
        session_id,
        piece_from,
        piece_to,
        lead(piece_from) over (partition by session_id order by piece_from) as next_piece_from,
    from {{ ref('int_pieces') }}
),

pieces as (
    select
        session_id,
        sum({{ seconds_between('piece_from', 'piece_to') }}) as cut_seconds,
        bool_or(piece_from >= piece_to or coalesce(piece_to > next_piece_from, false)) as is_overlapping,
    from following
    group by session_id
)

select
    coalesce(visits.session_id, pieces.session_id) as session_id,
    visits.visited_seconds,
    pieces.cut_seconds,
    pieces.is_overlapping,
from visits
full outer join pieces on visits.session_id = pieces.session_id
where pieces.is_overlapping or pieces.cut_seconds is distinct from visits.visited_seconds
