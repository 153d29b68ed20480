{% macro share_limit_spec() %}
    {% do return(gates.spec({
        "gate": "share_limit",
        "passes_when": "The share of the day's rows that satisfy a condition stays within a fixed bound, within the largest share of the"
            ~ " days before plus an increase, or both.",
        "arguments": {
            "condition": {
                "kind": "condition", "also_called": ["expression", "where", "sql", "predicate", "column_name"],
                "meaning": "SQL of a condition on a row; NULL counts as not satisfied",
            },
            "date_column": {}, "max_share": {}, "max_increase": {}, "history_days": {}, "segment_column": {}, "min_segment_size": {},
            "weight": {}, "on_missing": {}, "on_short": {}, "version": {},
        },
        "at_least_one": ["max_share", "max_increase"],
        "value_unit": "of rows",
        "formula": "share of rows where {condition} = {current_value}",
        "sentence": "{current_share} of the rows have {metric}{share_before}{allowed_share}",
    })) %}
{% endmacro %}

{% test share_limit(
    model, condition, date_column, max_share, max_increase, history_days, segment_column, min_segment_size, weight, on_missing,
    on_short, version
) %}
{{ gates.configure() }}
{% set args = gates.arguments(gates.share_limit_spec(), {
    "condition": condition, "date_column": date_column, "max_share": max_share, "max_increase": max_increase,
    "history_days": history_days, "segment_column": segment_column, "min_segment_size": min_segment_size, "weight": weight,
    "on_missing": on_missing, "on_short": on_short, "version": version,
}, kwargs) %}
{% set evidence %}
{% set rows = "1.0" if args.weight is none else gates.column(args.weight) %}
{% set share = "sum(case when " ~ args.condition ~ " then " ~ rows ~ " else 0 end) / cast("
    ~ gates.row_count(args.weight) ~ " as " ~ gates.type_double() ~ ")" %}
with series as (
    {{ gates.daily_series(model, args, [share], gates.share_history(args)) }}
),

{{ gates.share_evidence("share_limit", args.condition, args) }}
{% endset %}
{{ gates.decided(evidence, model, args) }}
{% endtest %}
