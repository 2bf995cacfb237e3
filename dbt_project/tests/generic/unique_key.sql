{% test unique_key(model, columns, optional=[]) %}

select
    {{ (columns + optional) | join(',\n    ') }},
    count(*) as rows_of_key,
from {{ model }}
group by all
having
    count(*) > 1
    {%- for column in columns %}
    or {{ column }} is null
    {%- endfor %}

{% endtest %}
