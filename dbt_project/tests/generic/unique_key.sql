{#-
    The key of a model: no two rows share it and none of its columns is null. Columns in `optional` are part
    of the key, but may be null.
-#}
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
