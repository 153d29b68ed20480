{# The change between two values, as Airflow's SQLIntervalCheckOperator defines it:
   max_over_min = max(|current|, |reference|) / min(|current|, |reference|), best is 1.0;
   relative_diff = |current - reference| / |reference|, best is 0.0.
   NULL where it has no meaning (a zero, a change of sign); infinite where the quotient is larger than a double. #}
{% macro ratio(formula, current, reference) %}
    {% if formula == "max_over_min" %}
        {% set top = "greatest(abs(" ~ current ~ "), abs(" ~ reference ~ "))" %}
        {% set bottom = "least(abs(" ~ current ~ "), abs(" ~ reference ~ "))" %}
    {% else %}
        {% set top = "abs(" ~ current ~ " - " ~ reference ~ ")" %}
        {% set bottom = "abs(" ~ reference ~ ")" %}
    {% endif %}
        case
            when not ({{ gates.is_usable(current) }} and {{ gates.is_usable(reference) }}) then null
            when {{ current }} = 0 or {{ reference }} = 0 or sign({{ current }}) <> sign({{ reference }}) then null
            when {{ bottom }} < 1 and {{ top }} > {{ gates.number(1e308) }} * {{ bottom }}
                then cast('Infinity' as {{ gates.type_double() }})
            else {{ top }} / {{ bottom }}
        end
{%- endmacro %}
