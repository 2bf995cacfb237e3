{#- R9: the charger's log spread evenly over its session, in whole mWh. -#}
{% macro segment_weight(session_wh, segment_seconds, session_seconds) -%}
    (cast({{ session_wh }} as hugeint) * {{ segment_seconds }} * 1000 // {{ session_seconds }})
{%- endmacro %}

{#- R5: a direction without energy is missing, whatever the row's quality letter. -#}
{% macro direction_quality(energy_wh, quality) -%}
    case when {{ energy_wh }} is null then 'N' else {{ quality }} end
{%- endmacro %}

{#- The unit in which an amount kind is requested and achieved (R12). -#}
{% macro unit_of(amount_kind) -%}
    case when {{ amount_kind }} = 'charging_power_limit' then 'interval' else 'Wh' end
{%- endmacro %}
