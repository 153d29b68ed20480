{% macro value_tolerance_spec() %}
    {% do return(gates.spec({
        "gate": "value_tolerance",
        "passes_when": "One aggregate equals an expected value, within a tolerance where one is given; bounds are included.",
        "arguments": dict({
            "pass_value": {
                "kind": "value", "also_called": ["value", "expected", "expected_value", "equals"],
                "meaning": "The expected value; in quotes it is a text, also where it reads as a number",
            },
            "expression": {"default": "count(*)"},
            "tolerance": {
                "kind": "number", "at_least": 0, "default": none, "not_with_text": "pass_value", "also_called": ["threshold", "margin"],
                "meaning": "Share of |pass_value| by which a number may differ; none: equal",
            },
        }, **gates.value_arguments()),
        "formula": "{metric} = {current_value}, expected {reference_value}",
        "sentence": "{current}, expected {expected}",
    })) %}
{% endmacro %}

{% test value_tolerance(
    model, pass_value, expression, tolerance, date_column, days_back, segment_column, min_segment_size, weight, on_missing, version
) %}
{{ gates.configure() }}
{% set args = gates.arguments(gates.value_tolerance_spec(), {
    "pass_value": pass_value, "expression": expression, "tolerance": tolerance, "date_column": date_column, "days_back": days_back,
    "segment_column": segment_column, "min_segment_size": min_segment_size, "weight": weight, "on_missing": on_missing, "version": version,
}, kwargs) %}
{% set evidence %}
{# from 2^53 on, the double of a whole number is also the double of another one #}
{% if args.pass_value is string or (args.pass_value is integer and not args.tolerance and args.pass_value | abs >= 2 ** 53) %}
    {{ gates.equal_text("value_tolerance", model, args.expression, args.pass_value, args) }}
{% else %}
    {% set expected = args.pass_value | float %}
    {% set margin = (expected | abs) * (args.tolerance or 0) %}
    {{ gates.bounded_value(
        "value_tolerance", model, {args.expression: {"lower_bound": expected - margin, "upper_bound": expected + margin}},
        args, expected
    ) }}
{% endif %}
{% endset %}
{{ gates.decided(evidence, model, args) }}
{% endtest %}
