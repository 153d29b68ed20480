{# One pass over some days of a relation: a row for each day and segment, with the sample size and a column m0, m1, … for each
   expression. day: SQL of the number of a row's day; none where all rows belong to one day, whose number is `only_day`. #}
{% macro measure(
    model, expressions, where=none, day=none, only_day=0, segment_column=none, weight=none, as_text=false
) %}
{% set segment = gates.segment(segment_column) if segment_column is not none else none -%}
{% set type = gates.type_text() if as_text else gates.type_double() -%}
select
    {{ day or only_day }} as day_number,
    {{ segment or "'all'" }} as segment,
    {% for expression in expressions -%}
    cast({{ expression }} as {{ type }}) as m{{ loop.index0 }},
    {% endfor -%}
    {{ gates.row_count(weight) }} as sample_size
from {{ model }}
{% if where -%}
where {{ where }}
{% endif -%}
{% set keys = [day, segment] | select | list -%}
{% if keys -%}
group by {{ keys | join(", ") }}
{% endif -%}
{% endmacro %}

{# CTEs to `measured`: for each judged day and metric, the value on the day `days_back` days before, with the bounds. There is a row
   for each segment, or a row of size 0 where the day has no rows. Without a date column all rows are one partition, judged as it is now. #}
{% macro measured_partition(model, metrics, args, as_text=false) %}
{% set expressions, days_back, weight = metrics | list, args.days_back, args.weight %}
{% set is_dated = args.date_column is not none %}
{% set moved = days_back or gates.judged_shift() %}
days as (
    {{ gates.judged_days() if is_dated else "select 0 as day_number, 0 as current_day" }}
),

metrics as (
    {{ gates.metric_list(metrics) }}
),

partitions as (
    {{ gates.measure(
        model, expressions,
        where=gates.in_days(
            args.date_column, gates.days_before(gates.first_judged(), moved), gates.days_before(gates.run_date(), moved)
        ) if is_dated,
        day=gates.day_number(args.date_column, gates.run_date()) if is_dated and gates.is_backtest(),
        only_day=-days_back,
        segment_column=args.segment_column, weight=weight, as_text=as_text
    ) }}
),

{% set may_lack_rows = is_dated and gates.is_backtest() and args.segment_column is none -%}
{% if may_lack_rows -%}
empty_day as (
    -- the value of each expression on a day without rows: a count is 0, a sum is NULL
    {{ gates.measure(model, expressions, where="1 = 0", weight=weight, as_text=as_text) }}
),

{% endif -%}
measured as (
    select
        days.day_number,
        metrics.*,
        coalesce(partitions.segment, 'all') as segment,
        {% if may_lack_rows -%}
        case
            when partitions.day_number is null then {{ gates.pick_metric(expressions | length, "empty_day.") }}
            else {{ gates.pick_metric(expressions | length, "partitions.") }}
        end as current_value,
        {%- else -%}
        {{ gates.pick_metric(expressions | length) }} as current_value,
        {%- endif %}
        coalesce(partitions.sample_size, 0) as sample_size
    from days
    cross join metrics
    {% if may_lack_rows %}cross join empty_day{% endif %}
    left join partitions on partitions.day_number = {{ "days.day_number - " ~ days_back if days_back else "days.current_day" }}
)
{%- endmacro %}

{# The number of rows. In a profile a row stands for many rows, and the column `weight` says for how many. Postgres sums doubles faster
   than bigints, whose sum is a numeric; up to 2^53 rows both sums are exact. #}
{% macro row_count(weight=none, as_double=false) -%}
    {% set weights = gates.column(weight) if weight is not none -%}
    {% set summand = "cast(" ~ weights ~ " as " ~ gates.type_double() ~ ")" if as_double else weights -%}
    {{ "count(*)" if weight is none else "coalesce(sum(" ~ summand ~ "), 0)" }}
{%- endmacro %}

{# The name of a row's segment; rows without a segment are the segment `(none)`, so that none is lost. #}
{% macro segment(segment_column) -%}
    coalesce(cast({{ gates.column(segment_column) }} as {{ gates.type_text() }}), '(none)')
{%- endmacro %}

{# The metrics as rows with metric_index, a column for each bound, and metric. metrics: by SQL aggregate, its bounds by name. #}
{% macro metric_list(metrics) %}
{% set double = gates.type_double() %}
{% for metric, bounds in metrics.items() -%}
select
    {{ loop.index0 }} as metric_index,
    {% for name, bound in bounds.items() -%}
    {{ gates.number(bound, double) }} as {{ name }},
    {% endfor -%}
    {{ gates.literal(metric) }} as metric
{{ "union all" if not loop.last }}
{% endfor %}
{% endmacro %}

{# The value of the metric that metric_index names, from the columns m0, m1, … of a CTE. #}
{% macro pick_metric(count, qualifier="") -%}
    case metric_index
        {%- for index in range(count) %}
        when {{ index }} then {{ qualifier }}m{{ index }}
        {%- endfor %}
    end
{%- endmacro %}
