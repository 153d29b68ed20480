{# How many days of a snapshot's label a person has excluded, as SQL over snapshot_date and label_end_date. #}
{% macro excluded_label_days() -%}
    (
        0
        {%- for day in gates.excluded_days() %}
        + case
            when snapshot_date < {{ gates.date_literal(day) }} and label_end_date >= {{ gates.date_literal(day) }} then 1
            else 0
        end
        {%- endfor %}
    )
{%- endmacro %}
