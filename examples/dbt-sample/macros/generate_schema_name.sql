{# The seeds are in schemas of exactly these names, where the package looks for the tables of the systems. #}
{% macro generate_schema_name(custom_schema_name, node) %}
    {{- custom_schema_name | trim if custom_schema_name else target.schema -}}
{% endmacro %}
