{# CTEs to `compared`: for each metric and segment its value on the run date, the one of `days_back` days before, and how they
   differ (statistic). Where that day must not serve as a reference, the one `days_back` days before it does, up to four
   times: a week after a failure or a holiday the same weekday is compared all the same. #}
{% macro compared(model, date_column, metrics, days_back, ratio_formula, segment_column, weight) %}
{% set today = gates.run_date() %}
{% set metric_rows = [] %}
{% for expression, threshold in metrics.items() %}
    {% do metric_rows.append({"metric": gates.literal(expression), "threshold": gates.number(threshold)}) %}
{% endfor %}
rejected as (
    {{ gates.rejected_days() }}
),

reference_day as (
    select {{ gates.date_literal(today) }} + max(candidates.day_number) as reference_date
    from (
        {% for step in range(1, 5) -%}
        select {{ -step * days_back }} as day_number{{ " union all" if not loop.last }}
        {% endfor %}
    ) as candidates
    left join rejected on candidates.day_number = rejected.day_number
    where rejected.day_number is null
),

measured as (
    {{ gates.measure(
        model, metrics.keys() | list, date_column,
        {"current": today, "reference": {"column": "(select reference_date from reference_day)", "days": 0}},
        segment_column, weight
    ) }}
),

metrics as (
    {{ gates.metric_list(metric_rows) }}
),

by_metric as (
    select
        metrics.metric,
        metrics.threshold,
        measured.segment,
        max(case when measured.period = 'current' then {{ gates.pick_metric(metrics | length) }} end) as current_value,
        max(case when measured.period = 'reference' then {{ gates.pick_metric(metrics | length) }} end) as reference_value,
        coalesce(max(case when measured.period = 'current' then measured.sample_size end), 0) as sample_size,
        coalesce(max(case when measured.period = 'reference' then measured.sample_size end), 0) as reference_size
    from metrics
    left join measured on true
    group by metrics.metric, metrics.threshold, measured.segment
),

compared as (
    select
        *,
        {{ gates.is_usable("current_value") }} and {{ gates.is_usable("reference_value") }} as is_usable,
        {{ gates.ratio(ratio_formula, "current_value", "reference_value") }} as statistic
    from by_metric
)
{%- endmacro %}
