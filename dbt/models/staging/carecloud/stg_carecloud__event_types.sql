{{ config(enabled=var("carecloud") and var("carecloud_event_types")) }}

select
    event_type_id,
    {{ source_events.source_column("organizationId") }} as organization_id,
    text_id,
    name,
    event_group_id,
    event_group_text_id,
    state = 0 as is_deleted
from {{ source_events.source_rows("carecloud", "event_types", key="event_type_id") }} as loaded
