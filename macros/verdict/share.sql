{# The evidence of a gate that bounds a share, from a CTE `series` whose m0 is the share of each day. The bound is the lower of
   max_share and the largest share of the history plus max_increase. #}
{% macro share_evidence(gate, metric, args) %}
{% set max_share, max_increase, days = args.max_share, args.max_increase, gates.share_history(args) %}
{% set days_before = gates.days_preceding("segment", days) %}
{{ gates.judged_series(args, days, leave_out_rejected=true) }},

remembered as (
    select
        *,
        {% if days -%}
        count(past_day) over ({{ days_before }}) as day_count,
        max(case when past_day is not null then current_value end) over ({{ days_before }}) as reference_value
        {%- else -%}
        {{ gates.number(none) }} as reference_value
        {%- endif %}
    from listed
),

bounded as (
    select
        *,
        {% if max_increase is none -%}
        {{ gates.number(max_share) }}
        {%- elif max_share is none -%}
        reference_value + {{ gates.number(max_increase) }}
        {%- else -%}
        least({{ gates.number(max_share) }}, coalesce(reference_value + {{ gates.number(max_increase) }}, {{ gates.number(max_share) }}))
        {%- endif %} as upper_bound
    from remembered
    where is_judged
),

judged as (
    select
        day_number,
        {{ gates.literal(metric) }} as metric,
        segment,
        current_value,
        reference_value,
        null as statistic,
        null as lower_bound,
        upper_bound,
        sample_size,
        case
            when sample_size = 0 then 'no_current'
            when sample_size < {{ args.min_segment_size }} then 'insufficient_history'
            when current_value is null then 'null_value'
            -- no share: more keys were counted than rows
            when current_value < 0 then 'out_of_bounds'
            {% if max_share is not none -%}
            when current_value > {{ gates.number(max_share) }} then 'out_of_bounds'
            {% endif -%}
            {% if max_increase is not none -%}
            when day_count < {{ args.history_days // 2 }} then 'insufficient_history'
            when current_value > upper_bound then 'out_of_bounds'
            {% endif -%}
            else 'ok'
        end as reason
    from bounded
)

{{ gates.evidence_rows(gate, "judged", args.on_missing, gates.short_verdicts(args)) }}
{% endmacro %}

{# How many days before a day its share is compared with; 0 where the bound is fixed. #}
{% macro share_history(args) %}
    {% do return(args.history_days if args.max_increase is not none else 0) %}
{% endmacro %}

{# The verdict of `insufficient_history`: a segment too small to judge passes, and on a history too short `on_short` decides. #}
{% macro short_verdicts(args) %}
    {% do return({
        "insufficient_history": "case when sample_size < " ~ args.min_segment_size ~ " then 'pass' else '" ~ args.on_short ~ "' end"
    }) %}
{% endmacro %}

{# The verdicts of a gate with a bound to warn and a bound to fail; is_gross says that the second one is exceeded. #}
{% macro gross_verdicts(args) %}
    {% do return(dict(gates.short_verdicts(args), out_of_bounds="case when is_gross then 'fail' else 'warn' end")) %}
{% endmacro %}
