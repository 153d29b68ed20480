{# CTEs from `series` (with bucket) to `scored`: for each day from first_day - noise_days to the run date and each segment,
   how far its distribution over buckets is from that of the `reference_days` before, and how much that score varies by itself.
     share p of a bucket = (rows + 0.5) / (all rows + 0.5 * buckets), q likewise for the reference (Jeffreys' prior)
     psi = sum((p - q) * ln(p / q)), best is 0.0 (Siddiqi 2006, Credit Risk Scorecards)
     js  = sum(p * log2(2p / (p + q)) + q * log2(2q / (p + q))) / 2, from 0.0 to 1.0 (Lin 1991, IEEE Trans. Inf. Theory 37)
   Buckets that the reference has never seen count as one. current_share and reference_share are those of the bucket that
   moved most. log_median and noise are the median and 1.4826 * MAD of ln(score) over the `noise_days` before. #}
{% macro drift_scores(method, first_day, reference_days, noise_days) %}
{% set before = "order by days.day_number range between " ~ reference_days ~ " preceding and 1 preceding" %}
rejected as (
    {{ gates.rejected_days() }}
),

kept as (
    select series.*
    from series
    left join rejected on series.day_number = rejected.day_number
    where rejected.day_number is null
),

listed as (
    -- each bucket on each day, also where it has no rows: then one running sum over the days is the reference of each
    select segment, bucket, day_number, sample_size from kept
    union all
    select keys.segment, keys.bucket, days.day_number, 0 as sample_size
    from (
        select distinct coalesce(kept.segment, 'all') as segment, kept.bucket
        from (select 1 as one) as always
        left join kept on true
    ) as keys
    cross join (select distinct day_number from kept union select {{ first_day }} as day_number) as days
),

sized as (
    select
        days.*,
        coalesce(sum(current_size) over (partition by segment, bucket {{ before }}), 0) as reference_size
    from (
        select segment, bucket, day_number, cast(sum(sample_size) as {{ gates.type_double() }}) as current_size
        from listed
        group by segment, bucket, day_number
    ) as days
),

targets as (
    select
        days.*,
        count(case when sample_size > 0 then 1 end) over (partition by segment {{ before }}) as day_count
    from (
        select segment, day_number, sum(current_size) as sample_size
        from sized
        group by segment, day_number
    ) as days
),

paired as (
    select
        segment,
        day_number,
        sum(current_size) as current_size,
        sum(reference_size) as reference_size
    from sized
    where day_number >= {{ first_day - noise_days }} and (current_size > 0 or reference_size > 0)
    group by segment, day_number, case when reference_size > 0 then bucket else '(unseen)' end
),

shares as (
    select
        *,
        (current_size + 0.5e0) / sum(current_size + 0.5e0) over (partition by segment, day_number) as p,
        (reference_size + 0.5e0) / sum(reference_size + 0.5e0) over (partition by segment, day_number) as q
    from paired
),

ranked as (
    select
        *,
        {% if method == "psi" -%}
        (p - q) * ln(p / q) as term,
        {%- else -%}
        (p * ln(2 * p / (p + q)) + q * ln(2 * q / (p + q))) / 2 / ln(2) as term,
        {%- endif %}
        row_number() over (partition by segment, day_number order by abs(p - q) desc, reference_size desc) as move_rank
    from shares
),

daily_scores as (
    select
        targets.segment,
        targets.day_number,
        targets.sample_size,
        targets.day_count,
        sum(ranked.term) as score,
        ln(greatest(sum(ranked.term), 1e-12)) as log_score,
        max(case when ranked.move_rank = 1 then ranked.p end) as current_share,
        max(case when ranked.move_rank = 1 then ranked.q end) as reference_share
    from targets
    left join ranked on targets.segment = ranked.segment and targets.day_number = ranked.day_number
    where targets.day_number >= {{ first_day - noise_days }}
    group by targets.segment, targets.day_number, targets.sample_size, targets.day_count
),

usual as (
    select
        today.segment,
        today.day_number,
        count(past.log_score) as noise_count,
        {{ gates.median("past.log_score") }} as log_median
    from daily_scores as today
    left join daily_scores as past
        on today.segment = past.segment
        and past.day_number between today.day_number - {{ noise_days }} and today.day_number - 1
        and past.sample_size > 0
        and past.day_count >= {{ reference_days // 2 }}
    where today.day_number >= {{ first_day }}
    group by today.segment, today.day_number
),

scored as (
    select
        today.segment,
        today.day_number,
        today.sample_size,
        today.day_count,
        today.score,
        today.current_share,
        today.reference_share,
        usual.noise_count,
        usual.log_median,
        1.4826 * {{ gates.median("abs(past.log_score - usual.log_median)") }} as noise
    from daily_scores as today
    inner join usual on today.segment = usual.segment and today.day_number = usual.day_number
    left join daily_scores as past
        on today.segment = past.segment
        and past.day_number between today.day_number - {{ noise_days }} and today.day_number - 1
        and past.sample_size > 0
        and past.day_count >= {{ reference_days // 2 }}
    group by
        today.segment, today.day_number, today.sample_size, today.day_count, today.score,
        today.current_share, today.reference_share, usual.noise_count, usual.log_median
)
{%- endmacro %}

{# Scores from which a shift matters: 0.1 and 0.25 are the PSI's usual marks (Siddiqi 2006); the JS marks are those that a
   shift of the same size reaches, as JS = PSI / (8 ln 2) for small shifts. #}
{% macro usual_score(method, verdict) %}
    {% set marks = {"warn": 0.1, "fail": 0.25} if method == "psi" else {"warn": 0.018, "fail": 0.045} %}
    {% do return(marks[verdict]) %}
{% endmacro %}
