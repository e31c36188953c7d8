{# A field of a part of Cloud4Wi's `event`, whose parts some accounts have at the top level instead. #}
{% macro cloud4wi_field(part, field) %}
    coalesce(
            {{ source_events.json_text(source_events.source_column("event"), [part, field]) }},
            {{ source_events.json_text(source_events.source_column(part), [field]) }}
        )
{%- endmacro %}


{# The first of several parts that has a field. #}
{% macro cloud4wi_field_of(parts, field) -%}
    coalesce(
        {%- for part in parts %}
        {{ source_events.cloud4wi_field(part, field) }}{{ "," if not loop.last }}
        {%- endfor %}
        )
{%- endmacro %}
