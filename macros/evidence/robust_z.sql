{# CTEs from `series` to `scored`: for each judged day, segment and metric, how far the value is from the same weekday of the
   weeks before.
     r = log(value / median of the same weekday over `weeks` weeks), as a difference of logs, which cannot overflow
     z = |r| / max(1.4826 * MAD of r over the `noise_days` before, min_noise)
   1.4826 makes the median absolute deviation estimate a standard deviation (Rousseeuw and Croux 1993, JASA 88).
   A value counts as history when it is a usable number, not zero, and its day was not rejected. #}
{% macro robust_z(metrics, segment_column, weeks, noise_days, min_noise) %}
days as (
    {{ gates.judged_days() }}
),

metrics as (
    {{ gates.metric_list(metrics) }}
),

rejected as (
    {{ gates.rejected_days() }}
),

segments as (
    {{ gates.known_segments(segment_column, 7 * weeks + noise_days) }}
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

history as (
    select valued.*
    from valued
    left join rejected on valued.day_number = rejected.day_number
    where rejected.day_number is null and valued.current_value <> 0 and {{ gates.is_usable("valued.current_value") }}
),

targets as (
    -- the days of the history are scored like those that are judged: how they vary is the noise
    select day_number, day_number as current_day, segment, metric_index, false as is_judged from history
    union all
    select segments.day_number, segments.current_day, segments.segment, metrics.metric_index, true as is_judged
    from segments
    cross join metrics
),

weekday as (
    select
        targets.day_number,
        targets.current_day,
        targets.segment,
        targets.metric_index,
        targets.is_judged,
        {{ gates.median("history.current_value") }} as weekday_median,
        count(history.current_value) as weekday_count
    from targets
    left join history
        on targets.segment = history.segment
        and targets.metric_index = history.metric_index
        and mod(targets.day_number, 7) = mod(history.day_number, 7)
        and history.day_number between targets.day_number - {{ 7 * weeks }} and targets.day_number - 7
    group by targets.day_number, targets.current_day, targets.segment, targets.metric_index, targets.is_judged
),

changed as (
    select
        weekday.*,
        valued.current_value,
        coalesce(valued.sample_size, 0) as sample_size,
        case
            when {{ gates.is_usable("valued.current_value") }} and valued.current_value <> 0
                and sign(valued.current_value) = sign(weekday.weekday_median)
                then ln(abs(valued.current_value)) - ln(abs(weekday.weekday_median))
        end as r
    from weekday
    left join valued
        on weekday.current_day = valued.day_number
        and weekday.segment = valued.segment
        and weekday.metric_index = valued.metric_index
),

centred as (
    select
        today.day_number,
        today.segment,
        today.metric_index,
        {{ gates.median("past.r") }} as r_median,
        count(past.r) as noise_count
    from changed as today
    left join changed as past
        on today.segment = past.segment
        and today.metric_index = past.metric_index
        and not past.is_judged
        and past.day_number between today.day_number - {{ noise_days }} and today.day_number - 1
    where today.is_judged
    group by today.day_number, today.segment, today.metric_index
),

spread as (
    select
        centred.day_number,
        centred.segment,
        centred.metric_index,
        centred.noise_count,
        1.4826 * {{ gates.median("abs(past.r - centred.r_median)") }} as noise
    from centred
    left join changed as past
        on centred.segment = past.segment
        and centred.metric_index = past.metric_index
        and not past.is_judged
        and past.day_number between centred.day_number - {{ noise_days }} and centred.day_number - 1
    group by centred.day_number, centred.segment, centred.metric_index, centred.noise_count
),

scored as (
    select
        changed.*,
        metrics.metric,
        spread.noise_count,
        abs(changed.r) / greatest(coalesce(spread.noise, 0), {{ gates.number(min_noise) }}) as z
    from changed
    inner join spread
        on changed.day_number = spread.day_number
        and changed.segment = spread.segment
        and changed.metric_index = spread.metric_index
    inner join metrics on changed.metric_index = metrics.metric_index
    where changed.is_judged
)
{%- endmacro %}
