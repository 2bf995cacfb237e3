{#- Enums of a model, in one scan: each column holds one of the values listed for it (null is never one). -#}
{% test values_in(model, domains) %}

select
    {{ domains | join(',\n    ') }},
    count(*) as row_count,
from {{ model }}
where
    {%- for column, values in domains.items() %}
    {{ 'or ' if not loop.first }}({{ column }} in ('{{ values | join("', '") }}')) is not true
    {%- endfor %}
group by all

{% endtest %}
