{# CTEs to `compared`: for each judged day, metric and segment, the value on that day, the value on its reference day, the ratio of both
   (statistic), and the bound of the metric. The reference day is `days_back` days before the judged day; where that day must not
   serve as a reference, it is another `days_back` days before, up to 53 times, a year of weeks. So a day is compared after a month of
   failures too. is_young: the relation has no rows four such steps back or earlier, or its level is newer than that. #}
{% macro compared(model, args) %}
{% set today, days_back, steps, metrics = gates.run_date(), args.days_back, 53, {} %}
{% set level = gates.new_level_of_test() %}
{% for metric, bound in args.metrics.items() %}{% do metrics.update({metric: {"bound": bound}}) %}{% endfor %}
{% set reference_date = "(select " ~ gates.day_of("reference_day") ~ " from reference_days)" %}
{% set next_date = "(select " ~ gates.day_of("reference_day + 1") ~ " from reference_days)" %}
days as (
    {{ gates.judged_days() }}
),

rejected as (
    {{ gates.rejected_days(steps * days_back) }}
),

reference_days as (
    select
        days.day_number,
        max(days.day_number - steps.days_back) as reference_day
    from days
    cross join (
        {% for step in range(1, steps + 1) -%}
        select {{ step * days_back }} as days_back{{ " union all" if not loop.last }}
        {% endfor %}
    ) as steps
    left join rejected on rejected.day_number = days.day_number - steps.days_back
    where rejected.day_number is null
    group by days.day_number
),

measured as (
    {{ gates.measure(
        model, args.metrics | list,
        where=gates.in_reach(args.date_column, steps * days_back) if gates.is_backtest() else (
            gates.in_day(args.date_column, today) ~ " or (" ~ gates.column(args.date_column) ~ " >= " ~ reference_date
            ~ " and " ~ gates.column(args.date_column) ~ " < " ~ next_date ~ ")"
        ),
        day=gates.day_number(args.date_column, today), segment_column=args.segment_column, weight=args.weight
    ) }}
),

periods as (
    select day_number, current_day as measured_day, 'current' as period from days
    union all
    select day_number, reference_day as measured_day, 'reference' as period from reference_days
),

paired as (
    select
        periods.day_number as judged_day,
        periods.period,
        measured.*
    from periods
    inner join measured on periods.measured_day = measured.day_number
),

metrics as (
    {{ gates.metric_list(metrics) }}
),

by_metric as (
    select
        days.day_number,
        metrics.metric,
        metrics.bound,
        paired.segment,
        max(case when paired.period = 'current' then {{ gates.pick_metric(metrics | length) }} end) as current_value,
        max(case when paired.period = 'reference' then {{ gates.pick_metric(metrics | length) }} end) as reference_value,
        coalesce(max(case when paired.period = 'current' then paired.sample_size end), 0) as sample_size,
        coalesce(max(case when paired.period = 'reference' then paired.sample_size end), 0) as reference_size
    from days
    cross join metrics
    left join paired on days.day_number = paired.judged_day
    group by days.day_number, metrics.metric, metrics.bound, paired.segment
),

grown as (
    {{ gates.grown_days(model, args, 4 * days_back, steps * days_back) }}
),

compared as (
    select
        by_metric.*,
        {{ gates.is_usable("current_value") }} and {{ gates.is_usable("reference_value") }} as is_usable,
        grown.day_number is null
        {%- if level %} or by_metric.day_number - {{ 4 * days_back }} < {{ (level - today).days }}{% endif %} as is_young,
        {{ gates.ratio(args.ratio_formula, "current_value", "reference_value") }} as statistic
    from by_metric
    left join grown on by_metric.day_number = grown.day_number
)
{%- endmacro %}

{# The judged days, as day_number, before which the relation has rows `nearest` to `furthest` days back. One row is enough for the one
   day of a run, so a run does not read them all. #}
{% macro grown_days(model, args, nearest, furthest) %}
{% if gates.is_backtest() -%}
select distinct days.day_number
from days
inner join (select distinct day_number from measured where sample_size > 0) as measured_days
    on measured_days.day_number between days.day_number - {{ furthest }} and days.day_number - {{ nearest }}
{%- else -%}
select 0 as day_number
from {{ model }}
where
    {{ gates.in_days(args.date_column, gates.days_before(gates.run_date(), furthest), gates.days_before(gates.run_date(), nearest)) }}
    {%- if args.weight %}
    and {{ gates.column(args.weight) }} > 0
    {%- endif %}
order by {{ gates.column(args.date_column) }} desc  -- the end of an index, where there is one
limit 1
{%- endif %}
{% endmacro %}

{# The verdicts of a comparison: a segment too small to judge passes; a relation too young to have a reference is learning. #}
{% macro compared_verdicts(args) %}
    {% do return({
        "insufficient_history": "'pass'",
        "no_reference": "case when is_young then 'learning' else '" ~ args.on_missing ~ "' end",
    }) %}
{% endmacro %}
