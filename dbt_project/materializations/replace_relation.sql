{#
    A table or view is replaced in one statement: dbt's own way, by renaming, costs a quarter of a small
    month's verification. A reader sees the old contents or the new ones, never none.
#}

{% materialization table, adapter='duckdb' %}
    {{ return(replace_relation('table')) }}
{% endmaterialization %}

{% materialization view, adapter='duckdb' %}
    {{ return(replace_relation('view')) }}
{% endmaterialization %}

{% macro replace_relation(type) %}
    {% set relation = this.incorporate(type=type) %}
    {% set existing = load_cached_relation(this) %}
    {% if existing is not none and existing.type != type %}
        {% do adapter.drop_relation(existing) %}
    {% endif %}
    {% call statement('main') %}
        {% if config.get('contract').enforced %}
            {{ get_assert_columns_equivalent(sql) }}
            create or replace {{ type }} {{ relation }} {{ get_table_columns_and_constraints() }};
            insert into {{ relation }} {{ get_column_names() }} (
                {{ get_select_subquery(sql) }}
            )
        {% else %}
            create or replace {{ type }} {{ relation }} as (
                {{ sql }}
            )
        {% endif %}
    {% endcall %}
    {% do adapter.commit() %}
    {{ return({'relations': [relation]}) }}
{% endmacro %}
