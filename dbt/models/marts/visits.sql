select
    id,
    provider,
    organization_id,
    contact_id,
    event_name,
    place_id,
    place,
    started_at,
    case when duration_minutes is not null then created_at end as ended_at,
    duration_minutes,
    -- CareCloud's project clock has no named zone, and its visits start when they are recorded.
    cast(
        case
            when time_zone is null then local_created_at
            else {{ source_events.local_time("started_at", "time_zone") }}
        end as date
    ) as local_day
from {{ ref("events") }}
where
    event_name in ({{ source_events.texts(var("visit_types")) }})
    and started_at is not null
    and not is_deleted
