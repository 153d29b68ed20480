{# The first day of the profile that this run builds, as a date. A first build builds all days of the relation; a later
   build builds the days that the model replaces. #}
{% macro first_profiled_date(relation, date_column) %}
    {% if not execute %}{% do return(gates.run_date()) %}{% endif %}
    {% set first_day = "select min(" ~ date_column ~ ") from " ~ relation %}
    {% if is_incremental() %}
        {% set first_day = "select greatest((" ~ first_day ~ "), " ~ first_replaced_date(this, "profile_date") ~ ")" %}
    {% endif %}
    {% do return(run_query(first_day).rows[0][0] or gates.run_date()) %}
{% endmacro %}
