{{ config(enabled=var("cloud4wi")) }}

{%- set where = source_events.source_column("where") -%}
{%- set when = source_events.source_column("when") -%}

with events as (
    select
        id,
        provider,
        type,
        type as event_name,
        {{ source_events.moment(source_events.source_column("createdAt")) }} as created_at,
        coalesce(
            {{ source_events.json_text(when, ["timezone"]) }},
            {{ source_events.cloud4wi_field("visit", "timezone") }},
            'UTC'
        ) as time_zone,
        {{ source_events.source_column("organizationId") }} as organization_id,
        {{ source_events.source_column("contactId") }} as contact_id,
        cast({{ source_events.cloud4wi_field("visit", "startAt") }} as {{ source_events.type_timestamptz() }}) as visit_started_at,
        cast({{ source_events.cloud4wi_field("visit", "duration") }} as {{ dbt.type_float() }}) as duration_minutes,
        coalesce(
            {{ source_events.json_text(where, ["locationId"]) }}, {{ source_events.json_text(where, ["geofenceId"]) }}
        ) as place_id,
        coalesce(
            {{ source_events.json_text(where, ["locationName"]) }}, {{ source_events.json_text(where, ["geofenceName"]) }}
        ) as place,
        {{ source_events.json_text(where, ["hotspotId"]) }} as hotspot_id,
        {{ source_events.cloud4wi_field("signup", "source") }} as signup_source,
        {{ source_events.cloud4wi_field_of(["email", "sms", "survey", "promo"], "campaignId") }} as campaign_id,
        {{ source_events.cloud4wi_field_of(["email", "sms", "survey", "promo"], "campaignName") }} as campaign
    from {{ source_events.source_rows("cloud4wi", var("cloud4wi_stream")) }} as loaded
),

local_times as (
    select
        *,
        coalesce(visit_started_at, created_at) as started_at,
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
    started_at,
    duration_minutes,
    place_id,
    place,
    false as is_deleted,
    hotspot_id,
    signup_source,
    campaign_id,
    campaign
from local_times
