{{ config(enabled=var("carecloud")) }}

{#- The native `created_at` is what the project's clock shows. It has no offset, and zeros where CareCloud has no time. -#}
{%- set place_property = var("carecloud_place_property") if var("carecloud_property_records") else none -%}

with events as (
    select
        id,
        provider,
        type,
        {{ source_events.moment(source_events.source_column("createdAt")) }} as created_at,
        case
            when created_at not like '0000%'
                then cast(substring(cast(created_at as {{ dbt.type_string() }}), 1, 19) as {{ dbt.type_timestamp() }})
        end as local_created_at,
        {{ source_events.source_column("organizationId") }} as organization_id,
        {{ source_events.source_column("contactId") }} as contact_id,
        coalesce(state = 0, false) as is_deleted,
        state,
        external_id,
        secondary_external_id,
        {{ source_events.plain_text("data") }} as data
    from {{ source_events.source_rows("carecloud", var("carecloud_stream")) }} as loaded
)

select
    events.id,
    events.provider,
    events.type,
    {% if var("carecloud_event_types") %}
    coalesce(event_types.text_id, event_types.name, events.type) as event_name,
    {% else %}
    events.type as event_name,
    {% endif %}
    events.created_at,
    events.local_created_at,
    cast(events.local_created_at as date) as local_day,
    cast(null as {{ dbt.type_string() }}) as time_zone,
    events.organization_id,
    events.contact_id,
    events.created_at as started_at,
    cast(null as {{ dbt.type_float() }}) as duration_minutes,
    {% if place_property %}
    places.property_value as place_id,
    places.property_value as place,
    {% else %}
    cast(null as {{ dbt.type_string() }}) as place_id,
    cast(null as {{ dbt.type_string() }}) as place,
    {% endif %}
    events.is_deleted,
    {% if var("carecloud_event_types") %}
    event_types.name as type_name,
    event_types.event_group_text_id as group_name,
    {% else %}
    cast(null as {{ dbt.type_string() }}) as type_name,
    cast(null as {{ dbt.type_string() }}) as group_name,
    {% endif %}
    events.state,
    events.external_id,
    events.secondary_external_id,
    events.data
from events
{% if var("carecloud_event_types") %}
left join {{ ref("stg_carecloud__event_types") }} as event_types
    on events.type = event_types.event_type_id and events.organization_id = event_types.organization_id
{% endif %}
{% if place_property %}
left join {{ ref("stg_carecloud__property_records") }} as places
    on events.id = places.event_id and places.property_id = {{ source_events.texts([place_property]) }}
{% endif %}
