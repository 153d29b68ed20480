{# The evidence of this invocation in the log, one line a metric, failures first. #}
{% macro print_evidence(tests) %}
    {% set rows = gates.fetch(
        "select relation, status, " ~ gates.evidence_columns() | join(", ") ~ " from " ~ gates.ledger()
        ~ " where invocation_id = " ~ gates.literal(invocation_id)
        ~ " order by case verdict when 'fail' then 0 when 'warn' then 1 else 2 end, relation, gate, metric, segment"
    ) %}
    {% set counts = {"fail": 0, "warn": 0, "pass": 0} %}
    {% for row in rows %}{% do counts.update({row.verdict: counts[row.verdict] + 1}) %}{% endfor %}
    {% do log("gates on " ~ gates.run_date().isoformat() ~ ": " ~ counts.fail ~ " failed, " ~ counts.warn
        ~ " warned, " ~ counts["pass"] ~ " passed", info=true) %}
    {% for row in rows %}{% do log(gates.evidence_line(row), info=true) %}{% endfor %}
{% endmacro %}

{% macro fetch(sql) %}
    {% do return(run_query(sql).rows) %}
{% endmacro %}

{% macro evidence_line(row) %}
    {% set bounds = [] %}
    {% if row.lower_bound is not none %}{% do bounds.append("at least " ~ gates.short(row.lower_bound)) %}{% endif %}
    {% if row.upper_bound is not none %}
        {% do bounds.append(("below " if row.gate == "interval_ratio" else "at most ") ~ gates.short(row.upper_bound)) %}
    {% endif %}
    {% set parts = [
        "%-4s" | format(row.verdict | upper),
        "%-15s" | format(row.gate),
        "%-22s" | format(row.relation),
        "%-28s" | format(row.metric ~ ("" if row.segment == "all" else " [" ~ row.segment ~ "]")),
        "current " ~ gates.short(row.current_value),
    ] %}
    {% if row.reference_value is not none %}{% do parts.append("reference " ~ gates.short(row.reference_value)) %}{% endif %}
    {% if row.statistic is not none %}{% do parts.append("statistic " ~ gates.short(row.statistic)) %}{% endif %}
    {% if bounds %}{% do parts.append(bounds | join(", ")) %}{% endif %}
    {% if row.sample_size is not none %}{% do parts.append("n " ~ row.sample_size) %}{% endif %}
    {% do parts.append(row.reason) %}
    {% do return(parts | join("  ")) %}
{% endmacro %}

{# A value as a person reads it: at most six significant digits. #}
{% macro short(value) %}
    {% if value is none %}{% do return("-") %}{% endif %}
    {% set number = value | float(none) %}
    {% do return(value if number is none else "%.6g" | format(number)) %}
{% endmacro %}
