{% macro segment_weight(session_wh, segment_seconds, session_seconds) -%}
    (cast({{ session_wh }} as hugeint) * {{ segment_seconds }} * 1000 // {{ session_seconds }})
{%- endmacro %}

{% macro direction_quality(energy_wh, quality) -%}
    case when {{ energy_wh }} is null then 'N' else {{ quality }} end
{%- endmacro %}

{% macro unit_of(amount_kind) -%}
    case when {{ amount_kind }} = 'charging_power_limit' then 'interval' else 'Wh' end
{%- endmacro %}
