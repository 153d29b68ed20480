{# Evidence of the gates that ask whether one aggregate of a partition lies within fixed bounds, bounds included. #}
{% macro bounded_value(
    gate, model, expression, lower_bound=none, upper_bound=none, expected=none, date_column=none, days_back=0,
    segment_column=none, min_segment_size=1, weight=none, on_missing="fail"
) %}
with measured as (
    {{ gates.measure(
        model, [expression], date_column, {"current": gates.days_before(gates.run_date(), days_back)},
        segment_column, weight
    ) }}
),

metrics as (
    {{ gates.metric_list([{"metric": gates.literal(expression)}]) }}
),

judged as (
    select
        metrics.metric,
        coalesce(measured.segment, 'all') as segment,
        measured.m0 as current_value,
        {{ gates.number(expected) }} as reference_value,
        null as statistic,
        {{ gates.number(lower_bound) }} as lower_bound,
        {{ gates.number(upper_bound) }} as upper_bound,
        coalesce(measured.sample_size, 0) as sample_size,
        case
            when coalesce(measured.sample_size, 0) = 0 then 'no_current'
            when measured.sample_size < {{ min_segment_size }} then 'insufficient_history'
            when not {{ gates.is_usable("measured.m0") }} then 'null_value'
            {% if lower_bound is not none -%}
            when measured.m0 < {{ gates.number(lower_bound) }} then 'out_of_bounds'
            {% endif -%}
            {% if upper_bound is not none -%}
            when measured.m0 > {{ gates.number(upper_bound) }} then 'out_of_bounds'
            {% endif -%}
            else 'ok'
        end as reason
    from metrics
    left join measured on true
)

{{ gates.evidence_rows(gate, "judged", on_missing, {"insufficient_history": "'pass'"}) }}
{% endmacro %}
