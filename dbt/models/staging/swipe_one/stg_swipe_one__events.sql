{{ config(enabled=var("swipe_one")) }}

{%- set properties = source_events.source_column("properties") -%}

with events as (
    select
        id,
        provider,
        type,
        type as event_name,
        {{ source_events.moment(source_events.source_column("createdAt")) }} as created_at,
        {{ source_events.texts([var("swipe_one_time_zone")]) }} as time_zone,
        {{ source_events.source_column("organizationId") }} as organization_id,
        {{ source_events.source_column("contactId") }} as contact_id,
        {% if var("swipe_one_place_key") %}
        {{ source_events.json_text(properties, [var("swipe_one_place_key")]) }} as place,
        {% else %}
        cast(null as {{ dbt.type_string() }}) as place,
        {% endif %}
        {{ source_events.json_text(source_events.source_column("createdBy"), ["type"]) }} as created_by_type,
        {{ source_events.json_text(source_events.source_column("createdBy"), ["name"]) }} as created_by,
        {{ properties }} as properties
    from {{ source_events.source_rows("swipe_one", var("swipe_one_stream")) }} as loaded
),

local_times as (
    select
        *,
        {{ source_events.local_time("created_at", "time_zone") }} as local_created_at
    from events
)

select
    id,
    provider,
    type,
    event_name,
    created_at,
    local_created_at,
    cast(local_created_at as date) as local_day,
    time_zone,
    organization_id,
    contact_id,
    created_at as started_at,
    cast(null as {{ dbt.type_float() }}) as duration_minutes,
    place as place_id,
    place,
    false as is_deleted,
    created_by_type,
    created_by,
    properties
from local_times
