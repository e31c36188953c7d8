-- Days of UTC. For the day of the place, a visit has its time zone: Cloud4Wi's is in the native column "when".
select
    provider,
    organization_id,
    cast(created_at as date) as day,
    count(*) as visits,
    count(distinct contact_id) as visitors
from {{ ref('events') }}
where type in ('{{ var("visit_types") | join("', '") }}')
group by provider, organization_id, cast(created_at as date)
