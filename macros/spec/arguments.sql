{# The arguments of a test by name, with the defaults of the arguments that it does not give. dbt calls this when it parses and when it
   runs the test; the check against the spec is made when dbt parses, so that a wrong argument is found before any data is read.
   given: the value of each argument, undefined where the test does not give it; unknown: the kwargs of the test.
   The answer has `judged_days_back` too, the number of days from the judged day to the run date. #}
{% macro arguments(spec, given, unknown) %}
    {% set args, moved = {}, namespace(days=0) %}
    {% for name, argument in spec.arguments.items() %}
        {% set value = given[name] %}
        {% if argument.default is defined and (value is undefined or (value is none and argument.default is mapping)) %}
            {% do args.update({name: gates.by_argument(argument.default, args)}) %}
        {% else %}
            {% do args.update({name: value}) %}
        {% endif %}
    {% endfor %}
    {% if not execute %}{% do gates.check_arguments(spec, args, given, unknown) %}{% endif %}
    {% for name, argument in spec.arguments.items() if argument.moves_judged_day %}
        {% set moved.days = moved.days + args[name] %}
    {% endfor %}
    {% do return(dict(args, judged_days_back=moved.days)) %}
{% endmacro %}

{# The value of a fact that may depend on an argument; none where the fact has no value for that argument. #}
{% macro by_argument(fact, args) %}
    {% if fact is not mapping %}{% do return(fact) %}{% endif %}
    {% for name, choices in fact.items() %}
        {% do return(choices.get(args[name]) if args[name] is string else none) %}
    {% endfor %}
{% endmacro %}

{# Refuses arguments that break a rule of the spec, alone or together. #}
{% macro check_arguments(spec, args, given, unknown) %}
    {% if given | list != spec.arguments | list %}
        {% do exceptions.raise_compiler_error("gates." ~ spec.gate ~ ": its test passes the arguments " ~ given | join(", ")
            ~ ", its spec declares " ~ spec.arguments | join(", ") ~ ". Make them equal, in the same order.") %}
    {% endif %}
    {% for name, value in unknown.items() %}{% do gates.refuse_unknown(spec, given, name, value) %}{% endfor %}
    {# a default needs no check, except where its rule depends on another argument #}
    {% for name, argument in spec.arguments.items()
        if given[name] is defined or argument.default is undefined or argument.at_least | default(0) is not number %}
        {% do gates.require(spec.gate, name, args[name], argument, args) %}
    {% endfor %}
    {% set judged = {"": args} %}
    {% for name, argument in spec.arguments.items() if argument.each and args[name] is mapping %}
        {% for level in argument.each if argument.is_instead and args[level] is not none %}
            {% do gates.refuse(spec.gate, level, "left out where " ~ name ~ " is a mapping", args[level]) %}
        {% endfor %}
        {% if argument.is_instead %}{% do judged.pop("") %}{% endif %}
        {% for key, bounds in args[name].items() %}
            {% set prefix, values = name ~ "[" ~ key ~ "]", dict(args) %}
            {% if bounds is not mapping or bounds | reject("in", argument.each) | list %}
                {% do gates.refuse(spec.gate, prefix, "a mapping of " ~ argument.each | join(" and "), bounds) %}
            {% endif %}
            {% do values.update(bounds) %}
            {% for level in argument.each if level in bounds or values[level] is not none %}
                {% do gates.require(spec.gate, prefix ~ "." ~ level, values[level], dict(spec.arguments[level], default=0), values) %}
            {% endfor %}
            {% do judged.update({prefix ~ ".": values}) %}
        {% endfor %}
    {% endfor %}
    {% for prefix, values in judged.items() if spec.at_least_one %}
        {% set first, other = spec.at_least_one %}
        {% if values[first] is none and values[other] is none %}
            {% do gates.refuse(
                spec.gate, prefix ~ first, "given, or " ~ other ~ ": without a bound the gate could never fail", values[first]
            ) %}
        {% endif %}
    {% endfor %}
{% endmacro %}

{# Refuses a value that breaks the rule of an argument. #}
{% macro require(gate, name, value, argument, args={}) %}
    {% if value is none and (argument.default is none or argument.default is mapping) and argument.default is defined %}
        {% do return(none) %}
    {% endif %}
    {% if argument.only_with and args[argument.only_with] is none and value != argument.default %}
        {% do gates.refuse(gate, name, "left out without " ~ argument.only_with, value) %}
    {% elif argument.not_with_text and args[argument.not_with_text] is string %}
        {% do gates.refuse(gate, name, "left out where " ~ argument.not_with_text ~ " is a text", value) %}
    {% endif %}
    {% set broken = gates.broken_rule(name, value, argument, args) %}
    {% if broken %}
        {% do gates.refuse(
            gate, broken.get("name", name), broken.rule or gates.rule_in_words(broken.get("argument", argument), args),
            broken.get("value", value)
        ) %}
    {% endif %}
{% endmacro %}

{% macro refuse(gate, argument, rule, value, hint="") %}
    {% do exceptions.raise_compiler_error(
        "gates." ~ gate ~ ": `" ~ argument ~ "` must be " ~ rule ~ "; received "
        ~ ("nothing" if value is undefined else tojson(value, value | string)) ~ ". "
        ~ (hint or "Fix the argument in the YAML of this test.")
    ) %}
{% endmacro %}

{# Refuses an argument that the gate does not have: mostly it is the name that another package or gate uses for the same thing. The hint
   names no argument that the test gives already; where one required argument is missing, it is meant unless a name is closer. #}
{% macro refuse_unknown(spec, given, name, value) %}
    {% set near, missing = namespace(name=none, likeness=0.5), [] %}
    {% for known, argument in spec.arguments.items() if given[known] is undefined %}
        {% set likeness = 2 if name | lower in argument.also_called | default([]) else gates.likeness(name, known) %}
        {% if likeness > near.likeness %}{% set near.name, near.likeness = known, likeness %}{% endif %}
        {% if argument.default is undefined %}{% do missing.append(known) %}{% endif %}
    {% endfor %}
    {% if near.likeness < 0.8 and missing | length == 1 %}{% set near.name = missing[0] %}{% endif %}
    {% if near.likeness < 2 and name == "column_name" %}
        {% set hint = "Declare the test below the model instead of a column." %}
    {% else %}
        {% set hint = "Did you mean `" ~ near.name ~ "`?" if near.name else "" %}
    {% endif %}
    {% do gates.refuse(
        spec.gate, name, "an argument of this test, which are " ~ spec.arguments | join(", "), value, hint=hint
    ) %}
{% endmacro %}

{# How much alike two names are, from 0 to 1: the pairs of adjacent letters that both names have, counted twice, as a share of the pairs
   of both names (Dice 1945). #}
{% macro likeness(one, other) %}
    {% set pairs = [] %}
    {% for name in [one | string | lower, other] %}
        {% set of_name = [] %}
        {% for index in range(name | length - 1) %}{% do of_name.append(name[index:index + 2]) %}{% endfor %}
        {% do pairs.append(of_name | unique | list) %}
    {% endfor %}
    {% do return(2 * pairs[0] | select("in", pairs[1]) | list | length / [pairs[0] | length + pairs[1] | length, 1] | max) %}
{% endmacro %}
