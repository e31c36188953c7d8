-- A contact reaches a step with its first event of the step that is not before its reaching the step before.
{% set steps = var("funnel") %}
with events as (
    select
        provider,
        organization_id,
        contact_id,
        event_name,
        created_at
    from {{ ref("events") }}
    where contact_id is not null and created_at is not null and not is_deleted
),

{% for step in steps %}
step_{{ loop.index }} as (
    select
        events.provider,
        events.organization_id,
        events.contact_id,
        min(events.created_at) as reached_at
    from events
    {% if not loop.first %}
    inner join step_{{ loop.index - 1 }} as earlier
        on
            events.provider = earlier.provider
            and events.organization_id = earlier.organization_id
            and events.contact_id = earlier.contact_id
            and events.created_at >= earlier.reached_at
    {% endif %}
    where events.event_name in ({{ source_events.texts(step.events) }})
    group by events.provider, events.organization_id, events.contact_id
),

{% endfor %}
reached as (
    {% for step in steps %}
    select {{ loop.index }} as step, provider, contact_id from step_{{ loop.index }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

steps as (
    {% for step in steps %}
    select {{ loop.index }} as step, {{ source_events.texts([step.name]) }} as name
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

systems as (
    select distinct provider from events
),

counted as (
    select
        systems.provider,
        steps.step,
        steps.name,
        count(reached.contact_id) as contacts
    from systems
    cross join steps
    left join reached on systems.provider = reached.provider and steps.step = reached.step
    group by systems.provider, steps.step, steps.name
)

select
    provider,
    step,
    name,
    contacts,
    cast(contacts as {{ dbt.type_float() }})
    / nullif(first_value(contacts) over (partition by provider order by step), 0) as share_of_first,
    cast(contacts as {{ dbt.type_float() }})
    / nullif(lag(contacts) over (partition by provider order by step), 0) as share_of_previous
from counted
