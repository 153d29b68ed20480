{# dbt run-operation prune_gate_results --args '{keep_days: 730}': forgets evidence of run dates before that.
   Gates that look back ask the ledger which days were rejected, so the longest look-back is kept in any case. #}
{% macro prune_gate_results(keep_days) %}
    {% do gates.require("prune_gate_results", "keep_days", keep_days, {"kind": "integer", "at_least": 120}) %}
    {% if execute and load_relation(gates.ledger()) %}
        {% set first_kept = gates.days_before(gates.run_date(), keep_days) %}
        {% do gates.execute_and_commit(
            "delete from " ~ gates.ledger() ~ " where run_date < " ~ gates.date_literal(first_kept)
        ) %}
        {% do log("gate_results now begins at " ~ first_kept.isoformat(), info=true) %}
    {% endif %}
{% endmacro %}
