{# A category is unseen when no day of the history has it. It is usual when every day of the history with rows has it, and it has at
   least min_usual_share of the history's rows: a rarer category may be there on all days by chance, and missing by chance. #}
{% macro category_match_spec() %}
    {% do return(gates.spec({
        "gate": "category_match",
        "passes_when": "Categories that were never seen before have at most a small share of the day's rows, and no usual category is gone.",
        "arguments": {
            "column_name": {"meaning": "The column of the category; NULL is the category `(null)`"}, "date_column": {},
            "max_unseen_share": {"kind": "number", "at_least": 0, "below": 1, "default": 0.01, "also_called": ["max_share", "threshold"],
                "meaning": "Largest share of rows of all unseen categories together, included"},
            "require_usual": {"kind": "flag", "default": true, "meaning": "Whether every usual category must be there: one that every day of the history has"},
            "min_usual_share": {"kind": "number", "at_least": 0, "below": 1, "default": 0.005, "also_called": ["min_share"],
                "meaning": "Share of the history's rows from which a category counts as usual"},
            "history_days": {"meaning": "Days before the run date that decide what is seen and usual; half of them must have rows"},
            "segment_column": {}, "min_segment_size": {}, "weight": {}, "on_missing": {}, "on_short": {}, "version": {},
        },
        "statistic": {"name": "unseen share", "unit": "of rows"}, "value_unit": "of rows",
        "formula": "share of rows in categories that no day of the history had = {statistic}",
        "sentence": "{of} has its usual categories",
        "reasons": {
            "unseen_category": {"note": "category never seen before", "sentence": "'{segment}' in {of} has not been seen before and has"
                ~ " {current_share} of the rows; unseen categories have {statistic_share} together{allowed_share}"},
            "missing_category": {"note": "usual category is gone",
                "sentence": "'{segment}' in {of} is gone, usually it has {reference_share} of the rows"},
        },
        "fitted": {"by": none, "bounds": [
            {"levels": ["max_unseen_share"], "scale": "asinh", "is_rule": true},
            {"levels": ["min_usual_share"], "scale": "asinh", "is_rule": true, "bound_alarms": true, "only_if": "require_usual",
                "column": "reference_value", "on_reason": "missing_category"},
        ]},
    })) %}
{% endmacro %}

{% test category_match(
    model, column_name, date_column, max_unseen_share, require_usual, min_usual_share, history_days, segment_column,
    min_segment_size, weight, on_missing, on_short, version
) %}
{{ gates.configure() }}
{% set args = gates.arguments(gates.category_match_spec(), {
    "column_name": column_name, "date_column": date_column, "max_unseen_share": max_unseen_share, "require_usual": require_usual,
    "min_usual_share": min_usual_share, "history_days": history_days, "segment_column": segment_column,
    "min_segment_size": min_segment_size, "weight": weight, "on_missing": on_missing, "on_short": on_short, "version": version,
}, kwargs) %}
{% set evidence %}
with {{ gates.category_shares(model, args) }},

decided as (
    select
        *,
        case
            when sample_size = 0 then 'no_current'
            when sample_size < {{ args.min_segment_size }} then 'insufficient_history'
            when not is_comparable then 'insufficient_history'
            when seen_days = 0 and unseen_share > {{ gates.number(args.max_unseen_share) }} then 'unseen_category'
            {% if args.require_usual -%}
            when seen_days = day_count and today_size = 0 and usual_share >= {{ gates.number(args.min_usual_share) }}
                then 'missing_category'
            {% endif -%}
            else 'ok'
        end as reason
    from shared
),

{{ gates.offending_categories(args) }}

{{ gates.evidence_rows("category_match", "judged", args.on_missing, gates.short_verdicts(args)) }}
{% endset %}
{{ gates.decided(evidence, model, args) }}
{% endtest %}
