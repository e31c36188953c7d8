{%- set located = var("cloud4wi") and var("cloud4wi_locations") -%}

select
    visited.id,
    visited.provider,
    visited.organization_id,
    visited.contact_id,
    visited.event_name,
    visited.place_id,
    {% if located %}coalesce(locations.name, visited.place) as place{% else %}visited.place{% endif %},
    visited.started_at,
    case when visited.duration_minutes is not null then visited.created_at end as ended_at,
    visited.duration_minutes,
    -- CareCloud's project clock has no named zone, and its visits start when they are recorded.
    cast(
        case
            when visited.time_zone is null then visited.local_created_at
            else {{ source_events.local_time("visited.started_at", "visited.time_zone") }}
        end as date
    ) as local_day
from {{ ref("events") }} as visited
{% if located -%}
left join {{ ref("stg_cloud4wi__locations") }} as locations
    on visited.provider = 'cloud4wi' and visited.place_id = locations.location_id
{% endif -%}
where
    visited.event_name in ({{ source_events.texts(var("visit_types")) }})
    and visited.started_at is not null
    and not visited.is_deleted
