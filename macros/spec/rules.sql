{# The kinds of arguments, and the rule of each, in words and as a check. Beside its kind an argument may have
     above, at_least, below, at_most   limits of a number: a number, the name of an argument, or by an argument
     choices                           the values of a choice
     each                              bounds that each aggregate or segment may have for itself; with is_instead only there
     only_with, not_with_text          left out without that argument, or where that argument is a text
     one_with                          one column, where that argument is given #}

{# What an argument must be. args: those whose values are its limits; without them their names stand for them. #}
{% macro rule_in_words(argument, args=none) %}
    {% set kind, each = argument.kind, argument.each | default([]) | join(" and ") %}
    {% if kind in ["integer", "number"] %}
        {% set words = ["a whole number" if kind == "integer" else "a number"] %}
        {% for limit, word in {"above": "above", "at_least": "of at least", "at_most": "of at most", "below": "and below"}.items()
            if limit in argument and gates.limit(argument[limit], args) is not none %}
            {% do words.append(word ~ " " ~ gates.limit(argument[limit], args)) %}
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

{# A limit as a number, or in words where no arguments are given. #}
{% macro limit(limit, args) %}
    {% if args is not none %}{% do return(args[limit] if limit is string else gates.by_argument(limit, args)) %}{% endif %}
    {% if limit is string %}{% do return("`" ~ limit ~ "`") %}{% endif %}
    {% if limit is not mapping %}{% do return(limit) %}{% endif %}
    {% set cases = [] %}
    {% for value, number in (limit.values() | first).items() %}{% do cases.append(number ~ " for `" ~ value ~ "`") %}{% endfor %}
    {% do return(cases | join(", ")) %}
{% endmacro %}

{# Whether a value breaks the rule of its argument: none where it does not, else a mapping. Where a part of it does, that holds the
   `name`, `value` and `argument` of the part; where the rule is not the one of its kind, the `rule` in words. #}
{% macro broken_rule(name, value, argument, args) %}
    {% set kind, broken = argument.kind, {"rule": none} %}
    {% if kind in ["integer", "number"] %}
        {% if kind == "integer" and (value is not integer or value is boolean) or not gates.is_number(value) %}
            {% do return(broken) %}
        {% endif %}
        {% for limit in ["above", "at_least", "below", "at_most"] if limit in argument %}
            {% set bound = gates.limit(argument[limit], args) %}
            {% if bound is not none and (
                (limit == "above" and value <= bound) or (limit == "at_least" and value < bound)
                or (limit == "below" and value >= bound) or (limit == "at_most" and value > bound)
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

{# The same for a list or a mapping, of which a part may break the rule. #}
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
