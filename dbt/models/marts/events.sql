{{
    config(
        materialized="incremental",
        unique_key=["provider", "id"],
        on_schema_change="append_new_columns",
    )
}}

{#-
    Events come late, some much later than the lookback: those of a contact that is read for the first time, or of a
    start date that was moved back. So an event is taken if it is not here yet, however old it is; and, because it may
    have changed, if it is not further back than the lookback.
-#}
{% for system in source_events.systems() %}
select
    {{ source_events.event_columns() | join(",\n    ") }}
from {{ ref("stg_" ~ system ~ "__events") }} as staged
{% if is_incremental() %}
where
    staged.created_at >= (
        select {{ dbt.dateadd("day", -1 * (var("lookback_days") | int), "max(created_at)") }}
        from {{ this }}
        where provider = '{{ system }}'
    )
    or not exists (
        select 1
        from {{ this }} as known
        where known.provider = '{{ system }}' and known.id = staged.id
    )
{% endif %}
{% if not loop.last %}union all{% endif %}
{% endfor %}
