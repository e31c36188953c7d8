{#
    Access to JSON, which every warehouse writes differently. The columns may be of a JSON type or texts: loaders differ.
    For another warehouse, write NAME__json_text and NAME__plain_text into your project's macros, and let dbt look there:

        dispatch:
          - macro_namespace: source_events
            search_order: [your_project, source_events]
#}


{# The text at a path of keys within a document; null where there is none. #}
{% macro json_text(column, keys) %}
    {{- return(adapter.dispatch("json_text", "source_events")(column, keys)) -}}
{% endmacro %}

{% macro default__json_text(column, keys) %}
    {% do source_events.missing_macro("json_text") %}
{% endmacro %}

{% macro duckdb__json_text(column, keys) %}
    {%- set path = '$."' ~ keys | join('"."') ~ '"' -%}
    json_extract_string({{ column }}, {{ dbt.string_literal(dbt.escape_single_quotes(path)) }})
{%- endmacro %}

{% macro postgres__json_text(column, keys) -%}
    (cast({{ column }} as json) #>> array[{{ source_events.texts(keys) }}])
{%- endmacro %}


{#
    The value of a field of several types as a text. Loaders write a text as it is or as JSON, in double quotes, and
    everything else as JSON. A text that itself is a text of JSON loses its quotes.
#}
{% macro plain_text(column) %}
    {{- return(adapter.dispatch("plain_text", "source_events")(column)) -}}
{% endmacro %}

{% macro default__plain_text(column) %}
    {% do source_events.missing_macro("plain_text") %}
{% endmacro %}

{% macro json_string_pattern() %}
    {{- return('^"([^"\\\\[:cntrl:]]|\\\\(["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*"$') -}}
{% endmacro %}

{% macro duckdb__plain_text(column) -%}
    case
        when regexp_full_match(cast({{ column }} as varchar), '{{ source_events.json_string_pattern() }}')
            then json_extract_string(cast({{ column }} as varchar), '$')
        else cast({{ column }} as varchar)
    end
{%- endmacro %}

{% macro postgres__plain_text(column) -%}
    case
        when cast({{ column }} as text) ~ '{{ source_events.json_string_pattern() }}'
            then cast(cast({{ column }} as text) as json) #>> '{}'
        else cast({{ column }} as text)
    end
{%- endmacro %}


{% macro missing_macro(name) %}
    {% do exceptions.raise_compiler_error(
        "source_events does not know how " ~ target.type ~ " does this: write the macro " ~ target.type ~ "__" ~ name
        ~ " into your project, and name your project before source_events in the search_order of its dispatch."
    ) %}
{% endmacro %}
