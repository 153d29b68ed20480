{% macro row_existence_spec() %}
    {% do return(gates.spec({
        "gate": "row_existence",
        "passes_when": "The day that is judged has at least `min_rows` rows.",
        "arguments": {
            "date_column": {},
            "min_rows": {
                "kind": "integer", "at_least": 1, "default": 1, "also_called": ["threshold", "min_value", "above", "rows", "min_count"],
                "meaning": "Least number of rows, included",
            },
            "days_back": {}, "segment_column": {}, "weight": {}, "version": {},
        },
        "value_unit": "rows",
        "reasons": {"no_current": {"sentence": "{no_rows}{allowed}"}},
    })) %}
{% endmacro %}

{% test row_existence(model, date_column, min_rows, days_back, segment_column, weight, version) %}
{{ gates.configure() }}
{% set args = gates.arguments(gates.row_existence_spec(), {
    "date_column": date_column, "min_rows": min_rows, "days_back": days_back, "segment_column": segment_column, "weight": weight,
    "version": version,
}, kwargs) %}
{% set evidence %}
{{ gates.bounded_value(
    "row_existence", model, {gates.row_count(args.weight): {"lower_bound": args.min_rows, "upper_bound": none}},
    dict(args, min_segment_size=1, on_missing="fail")
) }}
{% endset %}
{{ gates.decided(evidence, model, args) }}
{% endtest %}
