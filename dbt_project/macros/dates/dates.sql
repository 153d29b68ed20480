{# Saturday or Sunday. Engines number the days of the week differently; 1900-01-01 was a Monday on all of them. #}
{% macro is_weekend(date_expression) -%}
    (mod({{ dbt.datediff("cast('1900-01-01' as date)", date_expression, "day") }}, 7) >= 5)
{%- endmacro %}

{# The month ends up to the run date, newest first, as a select with one column snapshot_date. #}
{% macro month_ends(months) %}
{% set run_date = gates.date_literal(gates.run_date()) %}
select snapshot_date
from (
    select
        {{ dbt.last_day(
            dbt.dateadd("month", "1 - cast(months.generated_number as integer)", dbt.date_trunc("month", run_date)),
            "month"
        ) }} as snapshot_date
    from (
        {{ dbt.generate_series(months) }}
    ) as months
) as month_end
where snapshot_date <= {{ run_date }}
{% endmacro %}
