-- A contact's events belong to one session until there is a pause that is too long.
with events as (
    select
        id,
        provider,
        organization_id,
        contact_id,
        event_name,
        created_at,
        local_day,
        lag(created_at) over (
            partition by provider, organization_id, contact_id
            order by created_at, id
        ) as previous_at
    from {{ ref("events") }}
    where
        contact_id is not null
        and created_at is not null
        and not is_deleted
        and coalesce(event_name, 'unknown') not in ({{ source_events.texts(var("passive_types")) }})
),

begun as (
    select
        *,
        case
            when created_at <= {{ dbt.dateadd("minute", var("session_gap_minutes"), "previous_at") }} then 0
            else 1
        end as begins
    from events
),

numbered as (
    select
        *,
        sum(begins) over (
            partition by provider, organization_id, contact_id
            order by created_at, id
            rows unbounded preceding
        ) as session_number
    from begun
)

select
    {{ dbt.concat(["provider", "':'", "max(case when begins = 1 then id end)"]) }} as session_id,
    provider,
    organization_id,
    contact_id,
    min(created_at) as started_at,
    max(created_at) as ended_at,
    min(local_day) as local_day,
    count(*) as events,
    max(case when begins = 1 then event_name end) as first_event
from numbered
group by provider, organization_id, contact_id, session_number
