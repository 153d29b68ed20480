{# The first day of the profile that this run builds, as a date. A first build builds all days of the relation; a later
   build builds the days that the model replaces, and all from the first on whose rows are not those that it has profiled. #}
{% macro first_profiled_date(relation, date_column) %}
    {% if not execute %}{% do return(gates.run_date()) %}{% endif %}
    {% set first_day = "(select min(" ~ date_column ~ ") from " ~ relation ~ ")" %}
    {% if is_incremental() %}
        {% set first_day = "greatest(" ~ first_day ~ ", " ~ first_replaced_date(this, "profile_date") ~ ")" %}
        {# one that an earlier version has built has no content, and dbt refuses to go on with it #}
        {% if gates.content_column() in gates.columns_in_relation(this) | map(attribute="name") | list %}
            {% set first_day = "least(" ~ first_day ~ ", coalesce((" ~ gates.first_changed_day(relation, date_column, this) ~ "), "
                ~ gates.date_literal(gates.run_date()) ~ "))" %}
        {% endif %}
    {% endif %}
    {% do return(run_query("select " ~ first_day).rows[0][0] or gates.run_date()) %}
{% endmacro %}
