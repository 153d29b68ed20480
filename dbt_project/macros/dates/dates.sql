{# Saturday or Sunday. Engines number the days of the week differently; 1900-01-01 was a Monday on all of them. #}
{% macro is_weekend(date_expression) -%}
    (mod({{ dbt.datediff("cast('1900-01-01' as date)", date_expression, "day") }}, 7) >= 5)
{%- endmacro %}

{# A select of the month ends of the last `years` years up to the run date, with one column snapshot_date. A month end is the
   day before the first day of a month. The macro does not nest dbt's last_day and dateadd, because on Spark each dateadd
   repeats its argument nine times: three nested calls make a plan with seven hundred copies. #}
{% macro month_ends(years) %}
{% set last_day = gates.days_before(gates.run_date(), -1) %}
{% set first_day = last_day.replace(year=last_day.year - years, day=1) %}
select cast({{ dbt.dateadd("day", -1, "profile_date") }} as date) as snapshot_date
from (
    {{ gates.days_between(first_day, last_day) }}
) as days
where extract(day from profile_date) = 1
{% endmacro %}
