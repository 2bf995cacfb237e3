{% test refers_to(model, to, columns, to_columns=none) %}

{%- set to_columns = to_columns or columns %}

with

referring as (
    select distinct {{ columns | join(', ') }}
    from {{ model }}
)

select *
from referring
where
    not exists (
        select 1
        from {{ to }} as referred
        where
            {%- for column in columns %}
            {{ 'and ' if not loop.first }}referred.{{ to_columns[loop.index0] }} = referring.{{ column }}
            {%- endfor %}
    )

{% endtest %}
