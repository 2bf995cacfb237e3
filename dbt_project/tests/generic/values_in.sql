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
