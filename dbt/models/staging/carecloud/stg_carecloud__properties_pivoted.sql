{{ config(enabled=var("carecloud") and var("carecloud_property_records")) }}

select
    event_id,
    max(contact_id) as contact_id,
    max(organization_id) as organization_id,
    max(created_at) as created_at
    {%- for column, property in source_events.carecloud_properties().items() %},
    cast(
        max(case when property_id = {{ source_events.texts([property.id]) }} then property_value end)
        as {{ property.type or dbt.type_string() }}
    ) as {{ adapter.quote(column) }}
    {%- endfor %}
from {{ ref("stg_carecloud__property_records") }}
group by event_id
