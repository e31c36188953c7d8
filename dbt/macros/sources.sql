{# The systems that are switched on, in the order in which their events are stacked. #}
{% macro systems() %}
    {% set enabled = [] %}
    {% for system in var("systems") if var(system) %}
        {% do enabled.append(system) %}
    {% endfor %}
    {% if not enabled %}
        {% do exceptions.raise_compiler_error("All systems are switched off: set at least one of " ~ var("systems") | join(", ") ~ " to true.") %}
    {% endif %}
    {% do return(enabled) %}
{% endmacro %}


{# A system's table with each id once: as it is, or of rows with the same id the one that was loaded last. #}
{% macro source_rows(system, table, key="id") %}
{%- if var("loaded_at_column") %}
    (
        select *
        from (
            select
                *,
                row_number() over (
                    partition by {{ source_events.source_column(key) }}
                    order by {{ source_events.source_column(var("loaded_at_column")) }} desc
                ) as newest
            from {{ source(system, table) }}
        ) as numbered
        where newest = 1
    )
{%- else %}
    {{- source(system, table) }}
{%- endif %}
{%- endmacro %}


{# A column of a table that was loaded, written as the destination writes it, and quoted: some are words of SQL. #}
{% macro source_column(name) %}
    {{- return(adapter.dispatch("source_column", "source_events")(name)) -}}
{% endmacro %}

{% macro default__source_column(name) %}
    {%- if var("column_names") not in ["lower", "original"] %}
        {% do exceptions.raise_compiler_error("The variable column_names is " ~ var("column_names") ~ ", and must be lower or original.") %}
    {%- endif %}
    {{- adapter.quote(name if var("column_names") == "original" else name | lower) -}}
{% endmacro %}


{# The columns that the events of all systems have, in their order. #}
{% macro event_columns() %}
    {% do return([
        "id", "provider", "type", "event_name", "created_at", "local_created_at", "local_day", "time_zone",
        "organization_id", "contact_id", "started_at", "duration_minutes", "place_id", "place", "is_deleted",
    ]) %}
{% endmacro %}


{# Names as texts of SQL, for a list behind `in`, which must not be empty. #}
{% macro texts(names) %}
    {%- for name in names or [""] %}{{ dbt.string_literal(dbt.escape_single_quotes(name)) }}{{ ", " if not loop.last }}{% endfor -%}
{% endmacro %}
