{# What a gate's arguments must be. All of it runs when dbt parses, so a typo is found before any data is read. #}

{% macro refuse(gate, argument, rule, value) %}
    {% do exceptions.raise_compiler_error(
        "gates." ~ gate ~ ": `" ~ argument ~ "` must be " ~ rule ~ "; received " ~ tojson(value, value | string)
        ~ ". Mend the argument in the YAML of this test."
    ) %}
{% endmacro %}

{% macro is_number(value) %}
    {% do return(value is number and value is not boolean and value | abs <= 1.7976931348623157e308) %}
{% endmacro %}

{% macro require_integer(gate, argument, value, minimum) %}
    {% if value is not integer or value is boolean or value < minimum %}
        {% do gates.refuse(gate, argument, "a whole number of at least " ~ minimum, value) %}
    {% endif %}
{% endmacro %}

{% macro require_number(gate, argument, value, above=none, at_least=none, at_most=none) %}
    {% set rule = "a number"
        ~ (" above " ~ above if above is not none else "")
        ~ (" of at least " ~ at_least if at_least is not none else "")
        ~ (" and at most " ~ at_most if at_most is not none else "") %}
    {% if not gates.is_number(value)
        or (above is not none and value <= above)
        or (at_least is not none and value < at_least)
        or (at_most is not none and value > at_most) %}
        {% do gates.refuse(gate, argument, rule, value) %}
    {% endif %}
{% endmacro %}

{% macro require_choice(gate, argument, value, choices) %}
    {% if value not in choices or value is boolean != choices[0] is boolean %}
        {% do gates.refuse(gate, argument, "one of " ~ choices | join(", "), value) %}
    {% endif %}
{% endmacro %}

{% macro require_column(gate, argument, value) %}
    {% if value is not string or not value | trim %}
        {% do gates.refuse(gate, argument, "the name of a column", value) %}
    {% endif %}
{% endmacro %}

{# An expression becomes part of a statement, so it may not end that statement or hide the rest of it. #}
{% macro require_expression(gate, argument, value) %}
    {% if value is not string or not value | trim or ";" in value or "--" in value or "/*" in value %}
        {% do gates.refuse(gate, argument, "an SQL aggregate without a semicolon or a comment", value) %}
    {% endif %}
{% endmacro %}

{# The arguments that most gates share; each gate passes what it has. #}
{% macro require_common(gate, date_column=none, days_back=0, segment_column=none, min_segment_size=1, on_missing="fail",
                        least_days_back=0) %}
    {% if date_column is not none %}{% do gates.require_column(gate, "date_column", date_column) %}{% endif %}
    {% if segment_column is not none %}{% do gates.require_column(gate, "segment_column", segment_column) %}{% endif %}
    {% do gates.require_integer(gate, "days_back", days_back, least_days_back) %}
    {% do gates.require_integer(gate, "min_segment_size", min_segment_size, 1) %}
    {% do gates.require_choice(gate, "on_missing", on_missing, ["fail", "warn"]) %}
{% endmacro %}

{# Metrics are a mapping from an SQL aggregate to a threshold above its neutral value, below which all would fail. #}
{% macro require_metrics(gate, metrics, above) %}
    {% if metrics is not mapping or not metrics %}
        {% do gates.refuse(gate, "metrics", "a mapping from an SQL aggregate to its threshold, with at least one", metrics) %}
    {% endif %}
    {% for expression, threshold in metrics.items() %}
        {% do gates.require_expression(gate, "metrics", expression) %}
        {% do gates.require_number(gate, "metrics[" ~ expression ~ "]", threshold, above=above) %}
    {% endfor %}
{% endmacro %}

{# At least one bound: a range without any could never fail. #}
{% macro require_bounds(gate, min_value, max_value) %}
    {% if min_value is none and max_value is none %}
        {% do gates.refuse(gate, "min_value", "given, or max_value: without a bound the gate could never fail", min_value) %}
    {% endif %}
    {% if min_value is not none %}{% do gates.require_number(gate, "min_value", min_value) %}{% endif %}
    {% if max_value is not none %}{% do gates.require_number(gate, "max_value", max_value) %}{% endif %}
    {% if min_value is not none and max_value is not none and min_value > max_value %}
        {% do gates.refuse(gate, "min_value", "at most max_value (" ~ max_value ~ ")", min_value) %}
    {% endif %}
{% endmacro %}
