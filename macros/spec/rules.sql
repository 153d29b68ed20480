{# The kinds of arguments, and the rule of each kind, in words and as a check. In addition to its kind an argument may have
     above, at_least, below, at_most   bounds of a number: a number, the name of another argument, or a number for each value of one
     choices                           the values of a choice
     each                              the bounds that a mapping may give each aggregate or segment; with is_instead, the arguments
                                       of these names are then left out
     only_with, not_with_text          must be left out without that argument, or where that argument is a text
     one_with                          must be one column where that argument is given #}

{# What an argument must be, in words. args: the values of all arguments; without them a bound is given by its argument's name. #}
{% macro rule_in_words(argument, args=none) %}
    {% set kind, each = argument.kind, argument.each | default([]) | join(" and ") %}
    {% if kind in ["integer", "number"] %}
        {% set words = ["a whole number" if kind == "integer" else "a number"] %}
        {% for side, word in {"above": "above", "at_least": "of at least", "at_most": "of at most", "below": "and below"}.items()
            if side in argument and gates.bound_of_argument(argument[side], args) is not none %}
            {% do words.append(word ~ " " ~ gates.bound_of_argument(argument[side], args)) %}
        {% endfor %}
        {% do return(words | join(" ")) %}
    {% endif %}
    {% if kind == "choice" %}{% do return("one of " ~ argument.choices | join(", ")) %}{% endif %}
    {% if kind == "expressions" %}
        {% set list = "an SQL aggregate, a list of them" if argument.or_one else "a list of SQL aggregates," %}
        {% do return(list ~ " or a mapping from each to its " ~ each) %}
    {% endif %}
    {% do return({
        "column": "the name of a column",
        "columns": "the name of a column or a list of them",
        "flag": "true or false",
        "expression": "an SQL aggregate without a semicolon or a comment",
        "condition": "an SQL condition without a semicolon or a comment",
        "bounds": "a mapping from an SQL aggregate to its bound, with at least one",
        "segments": "a mapping from values of segment_column to their " ~ each,
        "ascending": "a list of ascending numbers",
        "value": "a finite number or a text",
    }[kind]) %}
{% endmacro %}

{# The bound of an argument as a number, or in words where no values of arguments are given. #}
{% macro bound_of_argument(bound, args) %}
    {% if args is not none %}{% do return(args[bound] if bound is string else gates.by_argument(bound, args)) %}{% endif %}
    {% if bound is string %}{% do return("`" ~ bound ~ "`") %}{% endif %}
    {% if bound is not mapping %}{% do return(bound) %}{% endif %}
    {% set cases = [] %}
    {% for value, number in (bound.values() | first).items() %}{% do cases.append(number ~ " for `" ~ value ~ "`") %}{% endfor %}
    {% do return(cases | join(", ")) %}
{% endmacro %}

{# How a value breaks the rule of its argument: none where it keeps the rule, else a mapping. The mapping holds the `name`, `value` and
   `argument` of the part that breaks it, where only a part does, and the `rule` in words, where it is not the rule of the kind. #}
{% macro broken_rule(name, value, argument, args) %}
    {% set kind, broken = argument.kind, {"rule": none} %}
    {% if kind in ["integer", "number"] %}
        {% if kind == "integer" and (value is not integer or value is boolean) or not gates.is_number(value) %}
            {% do return(broken) %}
        {% endif %}
        {% for side in ["above", "at_least", "below", "at_most"] if side in argument %}
            {% set bound = gates.bound_of_argument(argument[side], args) %}
            {% if bound is not none and (
                (side == "above" and value <= bound) or (side == "at_least" and value < bound)
                or (side == "below" and value >= bound) or (side == "at_most" and value > bound)
            ) %}{% do return(broken) %}{% endif %}
        {% endfor %}
    {% elif kind == "choice" %}
        {% if value is not string or value not in argument.choices %}{% do return(broken) %}{% endif %}
    {% elif kind == "flag" %}
        {% if value is not boolean %}{% do return(broken) %}{% endif %}
    {% elif kind == "column" %}
        {% if value is not string or not value | trim %}{% do return(broken) %}{% endif %}
    {% elif kind in ["expression", "condition"] %}
        {# it becomes part of a statement, so it may not end that statement or hide the rest of it #}
        {% if value is not string or not value | trim or ";" in value or "--" in value or "/*" in value %}
            {% do return(broken) %}
        {% endif %}
    {% elif kind == "value" %}
        {% set number = value | float(none) if value is string else value %}
        {% if value is none or value is undefined or (number is not none and not gates.is_number(number)) %}
            {% do return(broken) %}
        {% endif %}
    {% elif kind in ["columns", "expressions", "bounds", "segments"] %}
        {% do return(gates.broken_part(name, value, argument, args, broken)) %}
    {% elif kind == "ascending" %}
        {% if value is string or value is mapping or value is not sequence or not value %}{% do return(broken) %}{% endif %}
        {% for number in value %}
            {% if not gates.is_number(number) or (not loop.first and number <= value[loop.index0 - 1]) %}
                {% do return(broken) %}
            {% endif %}
        {% endfor %}
    {% endif %}
    {% do return(none) %}
{% endmacro %}

{# How a list or a mapping breaks the rule of its argument, or a part of it does; the answer is the one of broken_rule. #}
{% macro broken_part(name, values, argument, args, broken) %}
    {% set kind = argument.kind %}
    {% set parts = [values] if values is string and (kind == "columns" or argument.or_one) else values %}
    {% if parts is string or parts is not sequence or not parts
        or (kind == "columns" and parts is mapping) or (kind in ["bounds", "segments"] and parts is not mapping) %}
        {% do return(broken) %}
    {% endif %}
    {% for part in parts if kind != "segments" %}
        {% set of_part = {"kind": "column" if kind == "columns" else "expression"} %}
        {% set broken_part = gates.broken_rule(name, part, of_part, args) %}
        {% if broken_part %}{% do return(dict(broken_part, value=part, argument=of_part)) %}{% endif %}
        {% set of_bound = dict(argument, kind="number") %}
        {% if kind == "bounds" and gates.broken_rule(name, parts[part], of_bound, args) %}
            {% do return({"rule": none, "name": name ~ "[" ~ part ~ "]", "value": parts[part], "argument": of_bound}) %}
        {% endif %}
    {% endfor %}
    {% if argument.one_with and args[argument.one_with] is not none and parts | length > 1 %}
        {% do return({"rule": "one column that counts distinct keys where " ~ argument.one_with ~ " is given"}) %}
    {% endif %}
    {% do return(none) %}
{% endmacro %}

{% macro is_number(value) %}
    {% do return(value is number and value is not boolean and value | abs <= 1.7976931348623157e308) %}
{% endmacro %}
