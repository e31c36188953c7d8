select
    provider,
    organization_id,
    place_id,
    max(place) as place,
    local_day as day,
    count(*) as visits,
    count(distinct contact_id) as visitors,
    avg(duration_minutes) as average_minutes
from {{ ref("visits") }}
group by provider, organization_id, place_id, local_day
