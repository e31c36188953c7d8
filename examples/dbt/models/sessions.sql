-- A contact's events belong to one session until there is a pause that is too long.
with events as (
    select
        *,
        lag(created_at) over (partition by provider, contact_id order by created_at, id) as previous_at
    from {{ ref('events') }}
    where contact_id is not null and created_at is not null
),

numbered as (
    select
        *,
        sum(
            case
                when created_at <= previous_at + interval '{{ var("session_gap_minutes") }}' minute then 0
                else 1
            end
        ) over (partition by provider, contact_id order by created_at, id rows unbounded preceding) as session_number
    from events
)

select
    concat(provider, ':', contact_id, ':', session_number) as session_id,
    provider,
    contact_id,
    min(created_at) as started_at,
    max(created_at) as ended_at,
    count(*) as events
from numbered
group by provider, contact_id, session_number
