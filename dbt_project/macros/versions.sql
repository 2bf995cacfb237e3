{% macro versions_as_of(feed) -%}
    select version.* exclude (row_status)
    from {{ source('raw', feed) }} as version
    where
        version.row_status = 'active'
        and version.delivery_no in (select delivery.delivery_no from {{ ref('stg_deliveries') }} as delivery)
        and not exists (
            select 1
            from {{ source('raw', 'supersessions') }} as supersession
            where
                supersession.delivery_no = version.delivery_no
                and supersession.row_no = version.row_no
                and supersession.superseded_by_delivery_no in (
                    select later.delivery_no from {{ ref('stg_deliveries') }} as later
                )
        )
{%- endmacro %}
