{#- A run parameter as a literal instant, so that the scan of the interval table prunes by it. -#}
{% macro instant_of(name) -%}
    timestamp '{{ var(name) }}'
{%- endmacro %}

{#- "Not ended": later than every instant. -#}
{% macro never() -%}
    timestamp 'infinity'
{%- endmacro %}

{#- Start of the metering interval (R2) that contains the instant. -#}
{% macro half_hour_of(instant) -%}
    time_bucket(interval 30 minutes, {{ instant }})
{%- endmacro %}

{#- First metering interval that starts at or after the instant; infinity stays. -#}
{% macro half_hour_from(instant) -%}
    case
        when isinf({{ instant }}) then {{ instant }}
        else time_bucket(interval 30 minutes, {{ instant }} + interval 1799 seconds)
    end
{%- endmacro %}

{#- Starts of the metering intervals in [from, to), as rows. -#}
{% macro half_hours_between(from_instant, to_instant) -%}
    unnest(range({{ from_instant }}, {{ to_instant }}, interval 30 minutes))
{%- endmacro %}

{#- Local date of an instant in the programme's time zone (R4). -#}
{% macro local_date(instant) -%}
    cast(timezone('{{ var("time_zone") }}', timezone('UTC', {{ instant }})) as date)
{%- endmacro %}

{#- An instant as people read it, in UTC. -#}
{% macro utc_text(instant) -%}
    strftime({{ instant }}, '%Y-%m-%dT%H:%M:%SZ')
{%- endmacro %}

{#- Whole seconds of [from, to); BIGINT. -#}
{% macro seconds_between(from_instant, to_instant) -%}
    date_diff('second', {{ from_instant }}, {{ to_instant }})
{%- endmacro %}

{#- The event or interval that starts at the instant belongs to the settlement period (R4). -#}
{% macro in_period(instant) -%}
    ({{ instant }} >= {{ instant_of('period_from') }} and {{ instant }} < {{ instant_of('period_to') }})
{%- endmacro %}

{#- The half-open range [from, to) touches the settlement period. -#}
{% macro touches_period(from_instant, to_instant) -%}
    ({{ from_instant }} < {{ instant_of('period_to') }} and {{ to_instant }} > {{ instant_of('period_from') }})
{%- endmacro %}

{#- The half hours of the settlement period that [from, to) touches, as columns touched_from and touched_to. -#}
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
