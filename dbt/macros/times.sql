{#
    Times. A loader writes `createdAt` as a time of UTC, with a zone or, as PyAirbyte, without. What
    comes out has one. For another warehouse, write NAME__… into your project's macros (macros/json.sql says how).
#}


{% macro type_timestamptz() %}
    {{- return(adapter.dispatch("type_timestamptz", "source_events")()) -}}
{% endmacro %}

{% macro default__type_timestamptz() -%}
    timestamp with time zone
{%- endmacro %}


{# The moment that a column of UTC means, whether its type has a zone or not and whatever the session's zone is. #}
{% macro moment(column) %}
    {{- return(adapter.dispatch("moment", "source_events")(column)) -}}
{% endmacro %}

{% macro default__moment(column) %}
    {% do source_events.missing_macro("moment") %}
{% endmacro %}

{% macro duckdb__moment(column) -%}
    make_timestamptz(epoch_us({{ column }}))
{%- endmacro %}

{% macro postgres__moment(column) -%}
    to_timestamp(extract(epoch from {{ column }}))
{%- endmacro %}


{# What a clock in a time zone shows at a moment: a time without zone. #}
{% macro local_time(moment, time_zone) %}
    {{- return(adapter.dispatch("local_time", "source_events")(moment, time_zone)) -}}
{% endmacro %}

{% macro default__local_time(moment, time_zone) -%}
    ({{ moment }} at time zone {{ time_zone }})
{%- endmacro %}
