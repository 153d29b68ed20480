{% test share_limit(
    model, condition, date_column, max_share=none, max_increase=none, history_days=28,
    segment_column=none, min_segment_size=1, weight=none, on_missing="fail", on_short="warn"
) %}
{{ gates.configure() }}
{% set evidence %}
{% if not execute %}
    {% do gates.check_share_limit(
        condition, date_column, max_share, max_increase, history_days, segment_column, min_segment_size, weight,
        on_missing, on_short
    ) %}
{% endif %}
{% set rows = "1.0" if weight is none else gates.column(weight) %}
{% set share = "sum(case when " ~ condition ~ " then " ~ rows ~ " else 0 end) / cast("
    ~ gates.row_count(weight) ~ " as " ~ gates.type_double() ~ ")" %}
with series as (
    {{ gates.daily_series(
        model, date_column, [share], history_days if max_increase is not none else 0, segment_column, weight
    ) }}
),

{{ gates.share_evidence(
    "share_limit", condition, max_share, max_increase, history_days, segment_column, min_segment_size, on_missing, on_short
) }}
{% endset %}
{{ gates.decided(evidence) }}
{% endtest %}

{% macro check_share_limit(
    condition, date_column, max_share, max_increase, history_days, segment_column, min_segment_size, weight,
    on_missing, on_short
) %}
    {% do gates.require_column("share_limit", "date_column", date_column) %}
    {% do gates.require_expression("share_limit", "condition", condition) %}
    {% do gates.require_common("share_limit", date_column, 0, segment_column, min_segment_size, on_missing, weight) %}
    {% do gates.require_share_bounds("share_limit", max_share, max_increase, history_days, on_short) %}
{% endmacro %}
