{{ config(enabled=var("app_market")) }}

{#- What an app has posted is called `content`, and `properties` in some answers. -#}
{%- set content, properties = source_events.source_column("content"), source_events.source_column("properties") -%}

with events as (
    select
        id,
        provider,
        type,
        type as event_name,
        {{ source_events.moment(source_events.source_column("createdAt")) }} as created_at,
        {{ source_events.texts([var("app_market_time_zone")]) }} as time_zone,
        {{ source_events.source_column("organizationId") }} as organization_id,
        {{ source_events.source_column("contactId") }} as contact_id,
        {% if var("app_market_place_key") %}
        coalesce(
            {{ source_events.json_text(content, [var("app_market_place_key")]) }},
            {{ source_events.json_text(properties, [var("app_market_place_key")]) }}
        ) as place,
        {% else %}
        cast(null as {{ dbt.type_string() }}) as place,
        {% endif %}
        scope,
        coalesce({{ content }}, {{ properties }}) as content
    from {{ source_events.source_rows("app_market", var("app_market_stream")) }} as loaded
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
    scope,
    content
from local_times
