-- A contact reaches a step with its first event of that type that is not before its reaching the step before.
{% set steps = var('funnel') %}
with events as (
    select provider, contact_id, type, created_at
    from {{ ref('events') }}
    where contact_id is not null and created_at is not null
){% for step in steps %},

step_{{ loop.index }} as (
    select events.provider, events.contact_id, min(events.created_at) as reached_at
    from events
    {% if not loop.first %}
    inner join step_{{ loop.index - 1 }} as earlier
        on
            events.provider = earlier.provider
            and events.contact_id = earlier.contact_id
            and events.created_at >= earlier.reached_at
    {% endif %}
    where events.type = '{{ step }}'
    group by events.provider, events.contact_id
){% endfor %}

{% for step in steps %}
select {{ loop.index }} as step, '{{ step }}' as type, count(*) as contacts from step_{{ loop.index }}
{% if not loop.last %}union all{% endif %}
{% endfor %}
