{#
    The columns of stg_carecloud__properties_pivoted: their names, and of each the `id` of its property and its `type`.
    As the variable carecloud_properties has them, else one for each property that occurs.
#}
{% macro carecloud_properties() %}
    {% if var("carecloud_properties") %}
        {% do return(var("carecloud_properties")) %}
    {% endif %}
    {% set columns = {} %}
    {% if execute %}
        {% set found = run_query(
            "select distinct property_id from " ~ source("carecloud", "property_records")
            ~ " where property_id is not null order by property_id"
        ) %}
        {% for property in found.columns[0].values() %}
            {% set column = "property_" ~ modules.re.sub("[^a-z0-9]+", "_", property | lower) %}
            {% if column in columns %}
                {% do exceptions.raise_compiler_error(
                    "The properties " ~ columns[column].id ~ " and " ~ property ~ " would both be the column " ~ column
                    ~ ": name the columns in the variable carecloud_properties."
                ) %}
            {% endif %}
            {% do columns.update({column: {"id": property}}) %}
        {% endfor %}
    {% endif %}
    {% do return(columns) %}
{% endmacro %}
