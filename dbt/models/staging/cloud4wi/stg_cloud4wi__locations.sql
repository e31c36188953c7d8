{{ config(enabled=var("cloud4wi") and var("cloud4wi_locations")) }}

select
    id as location_id,
    {{ source_events.source_column("organizationId") }} as organization_id,
    name,
    lat as latitude,
    lng as longitude,
    timezone as time_zone,
    {{ source_events.source_column("externalId") }} as external_id
from {{ source_events.source_rows("cloud4wi", "locations") }} as loaded
