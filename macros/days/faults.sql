{# Faults that a backtest injects into past days: the broken rows, and relations with healthy and broken rows. #}

{# A condition on the rows of some days, as SQL of a list of dates. #}
{% macro on_days(date_column, days) -%}
    cast({{ gates.column(date_column) }} as date) in (
        {%- for day in days %}{{ gates.date_literal(day) }}{{ ", " if not loop.last }}{% endfor -%}
    )
{%- endmacro %}

{# The rows of `days` as they arrive with a fault. keep: the condition of rows that are not lost; changes: SQL by column; copies: how
   often each row arrives; days_late: how many days before the rows come from, with dates and timestamps moved. #}
{% macro faulty_rows(relation, date_column, days, keep, changes, copies, days_late) %}
select *
from (
    select
        {% for column in adapter.get_columns_in_relation(relation) -%}
        {% set quoted = gates.column(column.name) -%}
        {% if column.name in changes -%}
        cast({{ changes[column.name] }} as {{ column.data_type }}) as {{ quoted }}
        {%- elif days_late and gates.is_temporal(column.data_type) -%}
        {{ gates.moved_by_days(column.name, column.data_type, days_late) }} as {{ quoted }}
        {%- else -%}
        {{ quoted }}
        {%- endif %}{{ "," if not loop.last }}
        {% endfor -%}
    from {{ relation }}
    {% if copies > 1 -%}
    cross join (
        {%- for number in range(copies) %}
        select {{ number }} as gates_copy_number{{ " union all" if not loop.last }}
        {%- endfor %}
    ) as gates_copies
    {% endif -%}
    where {{ keep }}
) as spoiled
where {{ gates.on_days(date_column, days) }}
{% endmacro %}

{% macro is_temporal(type) %}
    {% set name = gates.canonical_type(type) %}
    {% do return(name == "date" or name.startswith("timestamp")) %}
{% endmacro %}

{# The days of which a fault has made other rows, in order. #}
{% macro changed_days(healthy, broken, date_column, days) %}
select arrived_on as day
from (
    {% for relation, sign in [(healthy, 1), (broken, -1)] -%}
    select
        cast({{ gates.column(date_column) }} as date) as arrived_on,
        {{ sign }} as sign,
        {{ gates.row_hash("arrived") }} as row_hash
    from {{ relation }} as arrived
    where {{ gates.on_days(date_column, days) }}
    {{ "union all" if not loop.last }}
    {% endfor -%}
) as versions
group by arrived_on
having sum(sign) <> 0 or sum(sign * row_hash) <> 0
order by arrived_on
{% endmacro %}

{# Healthy rows, and the broken ones as long before their own days as JUDGED_SHIFT says. #}
{% macro healthy_and_broken(healthy, broken, date_columns, shift) %}
{% set columns = adapter.get_columns_in_relation(healthy) %}
select
    {% for column in columns -%}
    {{ gates.column(column.name) }}{{ "," if not loop.last }}
    {% endfor -%}
from {{ healthy }}
union all
select
    {% for column in columns -%}
    {{ gates.moved_by_days(column.name, column.data_type, -shift) ~ " as " ~ gates.column(column.name)
        if column.name | lower in date_columns else gates.column(column.name) }}{{ "," if not loop.last }}
    {% endfor -%}
from {{ broken }}
{% endmacro %}
