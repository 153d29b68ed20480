{# What a gate's arguments must be. A gate asks for it while dbt parses, in a macro check_… of its own, so a typo is found before
   any data is read, and not once more when it runs (`execute`): arguments that were refused never get there, and dbt compiles
   each macro that a run calls, which takes longer than the gate. Two things are asked in both: the `where` of schema_match,
   which dbt gives only to a run, and the pass_value of value_tolerance, whose number comes of the same look. #}

{% macro refuse(gate, argument, rule, value) %}
    {% do exceptions.raise_compiler_error(
        "gates." ~ gate ~ ": `" ~ argument ~ "` must be " ~ rule ~ "; received "
        ~ ("nothing" if value is undefined else tojson(value, value | string))
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

{% macro require_number(gate, argument, value, above=none, at_least=none, below=none) %}
    {% set rule = "a number"
        ~ (" above " ~ above if above is not none else "")
        ~ (" of at least " ~ at_least if at_least is not none else "")
        ~ (" and below " ~ below if below is not none else "") %}
    {% if not gates.is_number(value)
        or (above is not none and value <= above)
        or (at_least is not none and value < at_least)
        or (below is not none and value >= below) %}
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

{# One column or several; where rows have a weight, a single one that has counted the keys of those. #}
{% macro require_key(gate, argument, values, weight) %}
    {% if values is mapping or values is not sequence or not values %}
        {% do gates.refuse(gate, argument, "the name of a column or a list of them", values) %}
    {% endif %}
    {% for value in values %}{% do gates.require_column(gate, argument, value) %}{% endfor %}
    {% if weight is not none and values | length > 1 %}
        {% do gates.refuse(gate, argument, "one column that counts distinct keys where weight is given", values) %}
    {% endif %}
{% endmacro %}

{# An expression becomes part of a statement, so it may not end that statement or hide the rest of it. #}
{% macro require_expression(gate, argument, value) %}
    {% if value is not string or not value | trim or ";" in value or "--" in value or "/*" in value %}
        {% do gates.refuse(gate, argument, "an SQL aggregate without a semicolon or a comment", value) %}
    {% endif %}
{% endmacro %}

{# The arguments that most gates share; each gate passes what it has. #}
{% macro require_common(
    gate, date_column=none, days_back=0, segment_column=none, min_segment_size=1, on_missing="fail", weight=none,
    least_days_back=0
) %}
    {% for argument, value in {"date_column": date_column, "segment_column": segment_column, "weight": weight}.items()
        if value is not none %}
        {% do gates.require_column(gate, argument, value) %}
    {% endfor %}
    {% do gates.require_integer(gate, "days_back", days_back, least_days_back) %}
    {% do gates.require_integer(gate, "min_segment_size", min_segment_size, 1) %}
    {% if date_column is none and days_back > 0 %}
        {% do gates.refuse(gate, "days_back", "left out without date_column", days_back) %}
    {% endif %}
    {% if segment_column is none and min_segment_size > 1 %}
        {% do gates.refuse(gate, "min_segment_size", "left out without segment_column", min_segment_size) %}
    {% endif %}
    {% do gates.require_choice(gate, "on_missing", on_missing, ["fail", "warn"]) %}
{% endmacro %}

{# SQL aggregates, with at least one: a list, or the keys of a mapping. #}
{% macro require_expressions(gate, argument, values, rule) %}
    {% if values is string or values is not sequence or not values %}
        {% do gates.refuse(gate, argument, rule, values) %}
    {% endif %}
    {% for value in values %}{% do gates.require_expression(gate, argument, value) %}{% endfor %}
{% endmacro %}

{# Metrics are a mapping from an SQL aggregate to a threshold above the ratio of two equal values, below which all would fail. #}
{% macro require_metrics(gate, metrics, ratio_formula) %}
    {% set above = 1 if ratio_formula == "max_over_min" else 0 %}
    {% if metrics is not mapping or not metrics %}
        {% do gates.refuse(gate, "metrics", "a mapping from an SQL aggregate to its threshold, with at least one", metrics) %}
    {% endif %}
    {% for expression, threshold in metrics.items() %}
        {% do gates.require_expression(gate, "metrics", expression) %}
        {% do gates.require_number(gate, "metrics[" ~ expression ~ "]", threshold, above=above) %}
    {% endfor %}
{% endmacro %}

{# A mapping from metrics or segments to bounds of their own, each by one of the names. #}
{% macro require_own_bounds(gate, argument, values, names) %}
    {% for name, bounds in values.items() %}
        {% if bounds is not mapping or bounds | reject("in", names) | list %}
            {% do gates.refuse(gate, argument ~ "[" ~ name ~ "]", "a mapping of " ~ names | join(" and "), bounds) %}
        {% endif %}
    {% endfor %}
{% endmacro %}

{# From where a gate warns, above 0, and from where it fails, not below that: `levels` has the two by name, and `own` those of some
   metrics or segments, which have the others of `levels`. #}
{% macro require_levels(gate, levels, argument, own) %}
    {% set warn, fail = levels %}
    {% do gates.require_own_bounds(gate, argument, own, [warn, fail]) %}
    {% set judged = {"": levels} %}
    {% for name, bounds in own.items() %}
        {% do judged.update({argument ~ "[" ~ name ~ "].": dict(levels, **bounds)}) %}
    {% endfor %}
    {% for prefix, each in judged.items() %}
        {% do gates.require_number(gate, prefix ~ warn, each[warn], above=0) %}
        {% do gates.require_number(gate, prefix ~ fail, each[fail], at_least=each[warn]) %}
    {% endfor %}
{% endmacro %}

{# At least one bound: a range without any could never fail. #}
{% macro require_bounds(gate, min_value, max_value, prefix="") %}
    {% if min_value is none and max_value is none %}
        {% do gates.refuse(
            gate, prefix ~ "min_value", "given, or max_value: without a bound the gate could never fail", min_value
        ) %}
    {% endif %}
    {% if min_value is not none %}{% do gates.require_number(gate, prefix ~ "min_value", min_value) %}{% endif %}
    {% if max_value is not none %}{% do gates.require_number(gate, prefix ~ "max_value", max_value) %}{% endif %}
    {% if min_value is not none and max_value is not none and min_value > max_value %}
        {% do gates.refuse(gate, prefix ~ "min_value", "at most max_value (" ~ max_value ~ ")", min_value) %}
    {% endif %}
{% endmacro %}

{# A share is at most 1, so a bound of 1 could never fail. #}
{% macro require_share_bounds(gate, max_share, max_increase, history_days, on_short) %}
    {% if max_share is none and max_increase is none %}
        {% do gates.refuse(gate, "max_share", "given, or max_increase: without a bound the gate could never fail", max_share) %}
    {% endif %}
    {% for argument, value in {"max_share": max_share, "max_increase": max_increase}.items() if value is not none %}
        {% do gates.require_number(gate, argument, value, at_least=0, below=1) %}
    {% endfor %}
    {% do gates.require_integer(gate, "history_days", history_days, 2) %}
    {% do gates.require_choice(gate, "on_short", on_short, ["pass", "warn", "fail"]) %}
{% endmacro %}

{# The edges of bins, ascending; none where the column itself is the bucket. #}
{% macro require_edges(gate, edges) %}
    {% if edges is not none %}
        {% if edges is string or edges is mapping or edges is not sequence or not edges %}
            {% do gates.refuse(gate, "edges", "a list of ascending numbers", edges) %}
        {% endif %}
        {% for edge in edges %}
            {% if not gates.is_number(edge) or (not loop.first and edge <= edges[loop.index0 - 1]) %}
                {% do gates.refuse(gate, "edges", "a list of ascending numbers", edges) %}
            {% endif %}
        {% endfor %}
    {% endif %}
{% endmacro %}
