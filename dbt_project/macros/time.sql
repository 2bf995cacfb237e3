{% macro instant_of(name) -%}
    timestamp '{{ var(name) }}'
{%- endmacro %}

{% macro never() -%}
    timestamp 'infinity'
{%- endmacro %}

{% macro half_hour_of(instant) -%}
    time_bucket(interval 30 minutes, {{ instant }})
{%- endmacro %}

{% macro half_hour_from(instant) -%}
    case
        when isinf({{ instant }}) then {{ instant }}
        else time_bucket(interval 30 minutes, {{ instant }} + interval 1799 seconds)
    end
{%- endmacro %}

{% macro half_hours_between(from_instant, to_instant) -%}
    unnest(range({{ from_instant }}, {{ to_instant }}, interval 30 minutes))
{%- endmacro %}

{% macro local_date(instant) -%}
    cast(timezone('{{ var("time_zone") }}', timezone('UTC', {{ instant }})) as date)
{%- endmacro %}

{% macro utc_text(instant) -%}
    strftime({{ instant }}, '%Y-%m-%dT%H:%M:%SZ')
{%- endmacro %}

{% macro seconds_between(from_instant, to_instant) -%}
    date_diff('second', {{ from_instant }}, {{ to_instant }})
{%- endmacro %}

{% macro in_period(instant) -%}
    ({{ instant }} >= {{ instant_of('period_from') }} and {{ instant }} < {{ instant_of('period_to') }})
{%- endmacro %}

{% macro touches_period(from_instant, to_instant) -%}
    ({{ from_instant }} < {{ instant_of('period_to') }} and {{ to_instant }} > {{ instant_of('period_from') }})
{%- endmacro %}

{% macro half_hours_touched(from_instant, to_instant) -%}
    greatest({{ half_hour_of(from_instant) }}, {{ half_hour_from(instant_of('period_from')) }}) as touched_from,
    least(
        {{ half_hour_from(to_instant) }}, {{ half_hour_from(instant_of('period_to')) }}
    ) as touched_to,
{%- endmacro %}

{#- A number of half hours, in words: 1 half hour, 2 half hours. -#}
{% macro counted_half_hours(count) -%}
    ({{ count }} || case when {{ count }} = 1 then ' half hour' else ' half hours' end)
{%- endmacro %}
