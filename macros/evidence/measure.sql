{# One pass over a partition: a select with one row per segment (and per period), the sample size, and one
   column m0, m1, … for each expression. `periods` maps a name to a day; without a date column all rows are one period. #}
{% macro measure(
    model, expressions, date_column=none, periods={"current": none}, segment_column=none, weight=none, as_text=false
) %}
select
    {% if periods | length > 1 -%}
    -- the rows are those of the periods only, so what is in no other is in the last
    case
        {%- for name, day in periods.items() %}
        {{ "else" if loop.last else "when " ~ gates.in_day(date_column, day) ~ " then" }} '{{ name }}'
        {%- endfor %}
    end as period,
    {% endif -%}
    {% if segment_column is not none -%}
    {{ gates.segment(segment_column) }} as segment,
    {% else -%}
    'all' as segment,
    {% endif -%}
    {% for expression in expressions -%}
    cast({{ expression }} as {{ gates.type_text() if as_text else gates.type_double() }}) as m{{ loop.index0 }},
    {% endfor -%}
    {{ gates.row_count(weight) }} as sample_size
from {{ model }}
{% if date_column is not none -%}
where
    {% for name, day in periods.items() -%}
    {{ gates.in_day(date_column, day) }}{{ " or " if not loop.last }}
    {% endfor -%}
{% endif -%}
{% set keys = (["1"] if periods | length > 1 else []) + ([gates.segment(segment_column)] if segment_column is not none else []) -%}
{% if keys -%}
group by {{ keys | join(", ") }}
{% endif -%}
{% endmacro %}

{# The number of rows. In a profile one row stands for many, and `weight` names the column that says for how many. #}
{% macro row_count(weight=none) -%}
    {{ "count(*)" if weight is none else "coalesce(sum(" ~ gates.column(weight) ~ "), 0)" }}
{%- endmacro %}

{# A segment's name; rows without one are a segment of their own, not lost. #}
{% macro segment(segment_column) -%}
    coalesce(cast({{ gates.column(segment_column) }} as {{ gates.type_text() }}), '(none)')
{%- endmacro %}

{# The list of metrics as rows: metric_index, metric and the columns given for each, e.g. its bounds. #}
{% macro metric_list(rows) %}
{% for row in rows -%}
select
    {{ loop.index0 }} as metric_index,
    {% for name, sql in row.items() -%}
    {{ sql }} as {{ name }}{{ "," if not loop.last }}
    {% endfor -%}
{{ "union all" if not loop.last }}
{% endfor %}
{% endmacro %}

{# The value of the metric of the row, from the columns m0, m1, … #}
{% macro pick_metric(count, prefix="m") -%}
    case metric_index
        {%- for index in range(count) %}
        when {{ index }} then {{ prefix }}{{ index }}
        {%- endfor %}
    end
{%- endmacro %}
