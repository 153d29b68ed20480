{# The run date as a `date`: the variable run_date, else the environment variable RUN_DATE, else today in UTC.
   The environment is read only when dbt executes: dbt would otherwise parse the project again for each date. #}
{% macro run_date() %}
    {% if not execute %}{% do return(modules.datetime.date(1970, 1, 1)) %}{% endif %}
    {% set given = var("run_date", none) or env_var("RUN_DATE", "") or run_started_at.strftime("%Y-%m-%d") %}
    {% do return(gates.parsed_day("the run date", given, "Pass --vars 'run_date: 2017-12-31' or set RUN_DATE.")) %}
{% endmacro %}

{% macro parsed_day(name, value, remedy) %}
    {% set text = value | string | trim %}
    {# the day of the month is counted from its first: the 31st of November is the 1st of December, which is another text #}
    {% set day = modules.datetime.date(text[:4] | int, text[5:7] | int, 1) + modules.datetime.timedelta(days=text[8:] | int - 1)
        if modules.re.match("^(?!0000)[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$", text) %}
    {% if not day or day.isoformat() != text %}
        {% do exceptions.raise_compiler_error(
            "gates: " ~ name ~ " must be a day as YYYY-MM-DD; received " ~ tojson(text) ~ ". " ~ remedy) %}
    {% endif %}
    {% do return(day) %}
{% endmacro %}

{# The day `days` before a date. #}
{% macro days_before(day, days) %}
    {% do return(day - modules.datetime.timedelta(days=days)) %}
{% endmacro %}

{% macro date_literal(day) -%}
    cast('{{ day.isoformat() }}' as date)
{%- endmacro %}

{# Rows of the days from first_day to last_day, both included. The column stays bare, so that an index or a partition can
   serve; it may be a date or a timestamp. #}
{% macro in_days(date_column, first_day, last_day) -%}
    ({{ gates.column(date_column) }} >= {{ gates.date_literal(first_day) }}
        and {{ gates.column(date_column) }} < {{ gates.date_literal(gates.days_before(last_day, -1)) }})
{%- endmacro %}

{% macro in_day(date_column, day) -%}
    {{ gates.in_days(date_column, day, day) }}
{%- endmacro %}
