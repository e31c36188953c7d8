-- The envelope is the same everywhere, so one UNION ALL stacks the systems. The names are as PyAirbyte and most
-- destinations write them; where a destination keeps upper case, write "createdAt", "organizationId", "contactId".
{% for system, stream in var('streams').items() %}
select
    id,
    provider,
    type,
    createdat as created_at,
    organizationid as organization_id,
    contactid as contact_id
from {{ source(system, stream) }}
{% if not loop.last %}union all{% endif %}
{% endfor %}
