{# The run date as a `date`: the variable run_date, else the environment variable RUN_DATE, else today in UTC.
   The environment is read only when dbt executes: dbt would otherwise parse the project anew for each date.
   `replay.day` in its place makes the compiled SQL of a gate judge the day of that column, for a lateral join with many. #}
{% macro run_date() %}
    {% if not execute %}{% do return(modules.datetime.date(1970, 1, 1)) %}{% endif %}
    {% set given = var("run_date", none) or env_var("RUN_DATE", "") or run_started_at.strftime("%Y-%m-%d") %}
    {% set text = given | string | trim %}
    {% if text == "replay.day" %}{% do return({"column": text, "days": 0}) %}{% endif %}
    {% if not modules.re.match("^[0-9]{4}-[0-9]{2}-[0-9]{2}$", text) %}
        {% do exceptions.raise_compiler_error(
            "gates: the run date must be a day as YYYY-MM-DD; received " ~ tojson(text)
            ~ ". Pass --vars 'run_date: 2017-12-31' or set RUN_DATE.") %}
    {% endif %}
    {% do return(modules.datetime.datetime.strptime(text, "%Y-%m-%d").date()) %}
{% endmacro %}

{# The day `days` before a date. #}
{% macro days_before(day, days) %}
    {% if day is mapping %}{% do return({"column": day.column, "days": day.days - days}) %}{% endif %}
    {% do return(day - modules.datetime.timedelta(days=days)) %}
{% endmacro %}

{# A day in SQL: a literal, or so many days after the column of a replay. #}
{% macro date_literal(day) -%}
    {% if day is mapping -%}
    ({{ day.column }} + ({{ day.days }}))
    {%- else -%}
    cast('{{ day.isoformat() }}' as date)
    {%- endif %}
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
