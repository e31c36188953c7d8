{{ config(enabled=var("carecloud") and var("carecloud_property_records")) }}

select
    id,
    {{ source_events.source_column("eventId") }} as event_id,
    {{ source_events.source_column("contactId") }} as contact_id,
    {{ source_events.source_column("organizationId") }} as organization_id,
    {{ source_events.moment(source_events.source_column("createdAt")) }} as created_at,
    property_id,
    property_name,
    {{ source_events.plain_text("property_value") }} as property_value
from {{ source_events.source_rows("carecloud", "property_records") }} as loaded
