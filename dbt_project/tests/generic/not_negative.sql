{#- Energies, amounts and seconds of a model, in one scan: none is below zero (null, a missing read, is none). -#}
{% test not_negative(model, columns) %}

select *
from {{ model }}
where
    {%- for column in columns %}
    {{ 'or ' if not loop.first }}{{ column }} < 0
    {%- endfor %}

{% endtest %}
