{% macro rows_in_force(relation, key) -%}
    select
        registry_row.* exclude (valid_from, valid_to),
        registry_row.valid_from as in_force_from,
        least(
            coalesce(registry_row.valid_to, {{ never() }}),
            lead(registry_row.valid_from, 1, {{ never() }})
                over (partition by registry_row.{{ key }} order by registry_row.valid_from)
        ) as in_force_to,
    from {{ relation }} as registry_row
{%- endmacro %}

{% macro union_of_periods(relation, keys, from_column, to_column) -%}
    {%- set key = keys | join(', ') -%}
    select
        {{ key }},
        min({{ from_column }}) as {{ from_column }},
        max({{ to_column }}) as {{ to_column }},
    from (
        select
            *,
            -- By range, not by rows: equal periods are peers and must fall on one island.
            count(*) filter (where reached_before is null or reached_before < {{ from_column }}) over (
                partition by {{ key }}
                order by {{ from_column }}, {{ to_column }}
                range between unbounded preceding and current row
            ) as island,
        from (
            select
                *,
                max({{ to_column }}) over (
                    partition by {{ key }}
                    order by {{ from_column }}, {{ to_column }}
                    rows between unbounded preceding and 1 preceding
                ) as reached_before,
            from {{ relation }}
        )
    )
    group by {{ key }}, island
{%- endmacro %}
