{% macro schema_match_spec() %}
    {% do return(gates.spec({
        "gate": "schema_match",
        "passes_when": "The relation has exactly the columns, of the types, that the YAML of that model or source declares.",
        "arguments": {
            "unexpected": {
                "kind": "choice", "choices": ["fail", "warn", "ignore"], "default": "fail",
                "also_called": ["on_unexpected", "extra_columns"],
                "meaning": "The verdict on a column that is not declared; `ignore` records it and passes",
            },
            "version": {},
        },
        "formula": "type of {metric} = {current_value}, declared {reference_value}",
        "sentence": "column {metric} is {current_value}, as declared",
        "reasons": {
            "unexpected_column": {
                "note": "column not declared in the YAML", "sentence": "column {metric} ({current_value}) is there and is not declared",
            },
            "missing_column": {
                "note": "declared column not found", "sentence": "column {metric} is declared ({reference_value}) and is not there",
            },
            "type_changed": {
                "note": "column of another type", "sentence": "column {metric} is {current_value}, declared as {reference_value}",
            },
        },
    })) %}
{% endmacro %}

{% test schema_match(model, unexpected, version) %}
{{ gates.configure() }}
{% set args = gates.arguments(gates.schema_match_spec(), {"unexpected": unexpected, "version": version}, kwargs) %}
{% set evidence %}
{% if config.get("where") %}
    {% do gates.refuse("schema_match", "where", "left out: all rows have the same columns", config.get("where")) %}
{% endif %}
{% set columns = gates.compare_columns(model) if execute else [["", none, none, "ok"]] %}
{% set types = {none: "null"} %}
{% for type in (columns | map(attribute=1) | list + columns | map(attribute=2) | list) | unique(true) if type %}
    {% do types.update({type: gates.literal(type)}) %}
{% endfor %}
with judged as (
    {% for name, actual_type, declared_type, reason in columns -%}
    select
        0 as day_number,
        {{ gates.literal(name) }} as metric,
        'all' as segment,
        {{ types[actual_type] }} as current_value,
        {{ types[declared_type] }} as reference_value,
        null as statistic,
        null as lower_bound,
        null as upper_bound,
        null as sample_size,
        '{{ reason }}' as reason
    {{ "union all" if not loop.last }}
    {% endfor %}
)

{{ gates.evidence_rows("schema_match", "judged", verdicts={
    "unexpected_column": "'pass'" if args.unexpected == "ignore" else "'" ~ args.unexpected ~ "'"
}) }}
{% endset %}
{{ gates.decided(evidence, model, args) }}
{% endtest %}
