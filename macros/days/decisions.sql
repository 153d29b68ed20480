{# dbt run-operation gates.accept_day --args '{day: 2026-11-20, note: half of the tills were down, who: ada}': the day was judged,
   a person knows why it is as it is, and from now on no gate takes it as a reference. Its verdicts stay what they were. #}
{% macro accept_day(day, note, who) %}
    {% set accepted = gates.parsed_day("day", day, "Pass --args '{day: 2026-11-20, …}'.") %}
    {% if note is not string or not note | trim %}
        {% do exceptions.raise_compiler_error(
            "gates.accept_day: note must say why the day is accepted as it is; received " ~ tojson(note)) %}
    {% endif %}
    {% if not execute %}{% do return("") %}{% endif %}
    {% do gates.keep_sealed(
        "insert into " ~ gates.ledger() ~ " (" ~ gates.ledger_columns() | join(", ") ~ ") select "
        ~ gates.accepted_row(accepted, note, who) | join(", ")
    ) %}
{% endmacro %}

{# The row of the ledger, in the order of its columns. #}
{% macro accepted_row(day, note, who) %}
    {% set incident = gates.literal(gates.accepted_incident()) %}
    {% set told = {
        "gate": incident, "metric": gates.literal(note), "segment": "'all'", "run_date": gates.date_literal(day),
        "current_value": gates.literal(who), "verdict": "'warn'", "reason": "'accepted'",
        "recorded_at": "current_timestamp", "invocation_id": gates.literal(invocation_id), "node_id": incident,
        "relation": "''", "severity": "'warn'", "status": "'accepted'",
    } %}
    {% set row = [] %}
    {% for column, type in gates.ledger_columns().items() %}
        {% do row.append("cast(" ~ told.get(column, "null") ~ " as " ~ type ~ ")") %}
    {% endfor %}
    {% do return(row) %}
{% endmacro %}
