{# CTEs from `series` to `scored`: for each judged day, segment and metric, the distance (z) between the value and the same weekday of
   the weeks before.
     r = log(value / median of the same weekday over `weeks` weeks), as a difference of logs, which cannot overflow
     z = |r| / max(1.4826 * MAD of r over the `noise_days` before, min_noise)
   1.4826 makes the median absolute deviation estimate a standard deviation (Rousseeuw and Croux 1993, JASA 88).
   A value counts as history when it is a usable number other than zero and its day may serve as a reference. `scored` also has the
   bounds of each metric, warn_z and fail_z. #}
{% macro robust_z(args) %}
{% set segment_column, weeks, noise_days, metrics = args.segment_column, args.weeks, args.noise_days, {} %}
{% for metric in args.metrics %}
    {% set bounds = args.metrics[metric] if args.metrics is mapping else {} %}
    {% do metrics.update({
        metric: {"warn_z": bounds.get("warn_z", args.warn_z), "fail_z": bounds.get("fail_z", args.fail_z)}
    }) %}
{% endfor %}
{% set of_series = "metric_index" if segment_column is none else "segment, metric_index" %}
{% set of_weekday = of_series ~ ", mod(day_number, 7)" %}
days as (
    {{ gates.judged_days() }}
),

metrics as (
    {{ gates.metric_list(metrics) }}
),

rejected as (
    {{ gates.rejected_days(7 * weeks + noise_days) }}
),

segments as (
    {{ gates.known_segments(segment_column, 7 * weeks + noise_days) }}
),

wanted as (
    select segments.*, metrics.metric_index
    from segments
    cross join metrics
),

valued as (
    select
        series.day_number,
        series.segment,
        metrics.metric_index,
        series.sample_size,
        {{ gates.pick_metric(metrics | length) }} as current_value
    from series
    cross join metrics
),

listed as (
    -- the days of the history are scored like the judged days: the spread of their scores is the noise
    select
        coalesce(wanted.day_number, valued.day_number) as day_number,
        coalesce(wanted.segment, valued.segment) as segment,
        coalesce(wanted.metric_index, valued.metric_index) as metric_index,
        wanted.day_number is not null as is_judged,
        coalesce(valued.sample_size, 0) as sample_size,
        valued.current_value,
        case
            when rejected.day_number is null and valued.current_value <> 0 and {{ gates.is_usable("valued.current_value") }}
                {{ "and wanted.day_number is null" if gates.judged_shift() }}
                then valued.current_value
        end as past_value
    from wanted
    full join valued
        on wanted.segment = valued.segment
        and wanted.metric_index = valued.metric_index
        and wanted.current_day = valued.day_number
    left join rejected on valued.day_number = rejected.day_number
),

weekly as (
    select
        *,
        count(past_value) over ({{ gates.days_preceding(of_weekday, 7 * weeks, 7) }}) as weekday_count,
        {{ gates.collected("past_value", of_weekday, 7 * weeks, 7) }} as weekday_values
    from listed
),

usual as {{ gates.materialized() }} (
    select
        *,
        {{ gates.median("weekday_values") }} as weekday_median
    from weekly
),

changed as {{ gates.materialized() }} (
    select
        *,
        case
            when {{ gates.is_usable("current_value") }} and current_value <> 0 and sign(current_value) = sign(weekday_median)
                then ln(abs(current_value)) - ln(abs(weekday_median))
        end as r
    from usual
),

noisy as (
    select
        *,
        count(past_r) over ({{ gates.days_preceding(of_series, noise_days) }}) as noise_count,
        {{ gates.collected("past_r", of_series, noise_days) }} as noise_values
    from (select changed.*, case when past_value is not null then r end as past_r from changed) as noise
),

centred as {{ gates.materialized() }} (
    select
        *,
        {{ gates.median("noise_values") }} as r_median
    from noisy
    where is_judged
),

scored as {{ gates.materialized() }} (
    select
        *,
        abs(r) / greatest(
            coalesce(1.4826 * {{ gates.median("noise_values", "r_median") }}, 0), {{ gates.number(args.min_noise) }}
        ) as z
    from centred
    inner join metrics using (metric_index)
)
{%- endmacro %}
