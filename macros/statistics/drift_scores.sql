{# CTEs to `scored`: for each judged day and segment, the distance (score) between its distribution over buckets and the distribution
   of the `reference_days` before, and the distance that is usual for this series (noise_bound).
     share p of a bucket = (rows + 0.5) / (all rows + 0.5 * buckets), q likewise for the reference (Jeffreys' prior)
     psi = sum((p - q) * ln(p / q)), best is 0.0 (Siddiqi 2006, Credit Risk Scorecards)
     js  = sum(p * log2(2p / (p + q)) + q * log2(2q / (p + q))) / 2, from 0.0 to 1.0 (Lin 1991, IEEE Trans. Inf. Theory 37)
   All buckets that the reference has never seen count as one bucket. current_share and reference_share are the shares of the bucket
   that moved most. is_moved is true for rows of a judged day that stand at another day (gates.judged_shift).
     noise_bound = exp(median of ln(score) + noise_z * 1.4826 * MAD), of the `noise_days` before
     warn_bound, fail_bound = the larger of the segment's warn_score or fail_score and the noise_bound
   A segment with separate bounds is judged also on a day on which it has no rows. #}
{% macro drift_scores(model, args) %}
{% set shift, double, segments = gates.judged_shift(), gates.type_double(), args.segments or {} %}
{% set reference_days, noise_days, segment_column = args.reference_days, args.noise_days, args.segment_column %}
{% set of_series = "segment" %}
{% set days_before = gates.days_preceding(of_series, noise_days) %}
{% set of_day = "partition by day_number, segment, is_moved" %}
{% set moves = ["abs(p - q)", "reference_size"] %}
{% set bucket = gates.bin(args.column_name, args.edges) if args.edges else gates.category(args.column_name) %}
series as (
    {{ gates.daily_series(model, args, [], reference_days + noise_days, bucket) }}
),

days as (
    {{ gates.judged_days() }}
),

{{ gates.bucket_sizes(reference_days, reference_days + noise_days, segment_column) }},

known as (
    {{ gates.known_segments(segment_column, reference_days + noise_days, segments) }}
),

compared as (
    -- the days of the history are scored like the judged days: the spread of their scores is the noise
    select segment, bucket_id, day_number, current_size, reference_size, false as is_moved
    from bucket_sizes
    where day_number >= {{ gates.first_number() - noise_days }}
    {% if shift -%}
    union all
    select segment, bucket_id, day_number, current_size, reference_size, true as is_moved
    from ({{ gates.as_judged(["reference_size"]) }}) as judged_sizes
    {%- endif %}
),

paired as (
    select
        segment,
        day_number,
        is_moved,
        sum(current_size) as current_size,
        sum(reference_size) as reference_size
    from compared
    where current_size > 0 or reference_size > 0
    group by segment, day_number, is_moved, case when reference_size > 0 then bucket_id end
),

shares as (
    select
        *,
        (current_size + 0.5e0) / sum(current_size + 0.5e0) over ({{ of_day }}) as p,
        (reference_size + 0.5e0) / sum(reference_size + 0.5e0) over ({{ of_day }}) as q
    from paired
),

daily_scores as (
    select
        segment,
        day_number,
        is_moved,
        sum(current_size) as sample_size,
        {% if args.method == "psi" -%}
        sum((p - q) * ln(p / q)) as score,
        {%- else -%}
        sum((p * ln(2 * p / (p + q)) + q * ln(2 * q / (p + q))) / 2 / ln(2)) as score,
        {%- endif %}
        {{ gates.at_largest(moves, ["p", "q"], "p") }} as current_share,
        {{ gates.at_largest(moves, ["p", "q"], "q") }} as reference_share
    from shares
    group by segment, day_number, is_moved
),

listed as (
    select
        coalesce(wanted.segment, daily_scores.segment) as segment,
        coalesce(wanted.day_number, daily_scores.day_number) as day_number,
        wanted.day_number is not null as is_judged,
        daily_scores.is_moved,
        coalesce(daily_scores.sample_size, 0) as sample_size,
        daily_scores.score,
        daily_scores.current_share,
        daily_scores.reference_share
    from (select known.*, {{ "true" if shift else "false" }} as is_moved from known) as wanted
    full join daily_scores
        on wanted.segment = daily_scores.segment
        and wanted.day_number = daily_scores.day_number
        and wanted.is_moved = daily_scores.is_moved
),

logged as (
    select
        listed.*,
        day_counts.day_count,
        case
            when
                not listed.is_moved
                and day_counts.is_kept = 1
                and day_counts.day_count >= {{ reference_days // 2 }}
                then ln(greatest(listed.score, 1e-12))
        end as past_score
    from listed
    left join day_counts
        on listed.segment = day_counts.segment and listed.day_number = day_counts.day_number
),

noisy as (
    select
        *,
        count(past_score) over ({{ days_before }}) as noise_count,
        {{ gates.collected("past_score", of_series, noise_days) }} as noise_values
    from logged
),

centred as {{ gates.materialized() }} (
    select
        *,
        {{ gates.median("noise_values") }} as log_median
    from noisy
    where is_judged
),

bounded as {{ gates.materialized() }} (
    select
        *,
        {% for level in ["warn", "fail"] -%}
        {{ gates.bound_of_segment(level ~ "_score", args, double) }} as {{ level }}_score,
        {% endfor -%}
        exp(log_median + {{ args.noise_z }} * 1.4826 * {{ gates.median("noise_values", "log_median") }}) as noise_bound
    from centred
),

scored as (
    select
        *,
        greatest(warn_score, noise_bound) as warn_bound,
        greatest(fail_score, noise_bound) as fail_bound
    from bounded
)
{%- endmacro %}

{# The bound of a row's segment: its separate bound, or the bound of the gate. `when true`, because a case needs a branch. #}
{% macro bound_of_segment(name, args, type) -%}
    case
        {%- for segment, bounds in (args.segments or {}).items() if name in bounds %}
        when segment = {{ gates.literal(segment) }} then {{ gates.number(bounds[name], type) }}
        {%- endfor %}
        when true then {{ gates.number(args[name], type) }}
    end
{%- endmacro %}
