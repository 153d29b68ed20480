{# The evidence of this invocation in the log: one aligned line a metric, failures first. #}
{% macro print_evidence() %}
    {% set rows = run_query(
        "select relation, severity, " ~ gates.evidence_columns() | join(", ") ~ " from " ~ gates.ledger()
        ~ " where invocation_id = " ~ gates.literal(invocation_id) ~ " order by relation, gate, metric, segment"
    ).rows %}
    {% set lines = {"FAIL": [], "WARN": [], "PASS": []} %}
    {% for row in rows %}{% do lines[gates.effect(row)].append(gates.evidence_cells(row)) %}{% endfor %}
    {% do log("gates on " ~ gates.run_date().isoformat() ~ ": " ~ lines["FAIL"] | length ~ " failed, "
        ~ lines["WARN"] | length ~ " warned, " ~ lines["PASS"] | length ~ " passed", info=true) %}
    {% set cells = lines["FAIL"] + lines["WARN"] + lines["PASS"] %}
    {% set widths = [] %}
    {% for column in cells | first | default([]) %}
        {% set index = loop.index0 %}
        {% do widths.append(cells | map(attribute=index) | map("length") | max) %}
    {% endfor %}
    {% for line in cells %}
        {% set padded = [] %}
        {% for cell in line %}{% do padded.append(cell.ljust(widths[loop.index0])) %}{% endfor %}
        {% do log(padded | join("  ") | trim, info=true) %}
    {% endfor %}
{% endmacro %}

{# What a row does to the run: a gate of severity warn never stops it. #}
{% macro effect(row) %}
    {% do return("WARN" if row.verdict == "fail" and row.severity == "warn" else row.verdict | upper) %}
{% endmacro %}

{% macro evidence_cells(row) %}
    {% set bounds = [] %}
    {% if row.lower_bound is not none %}{% do bounds.append("at least " ~ gates.short(row.lower_bound)) %}{% endif %}
    {% if row.upper_bound is not none %}
        {% do bounds.append(("below " if row.gate == "interval_ratio" else "at most ") ~ gates.short(row.upper_bound)) %}
    {% endif %}
    {% set statistic = {
        "interval_ratio": "ratio", "metric_anomaly": "z", "distribution_drift": "score", "category_match": "unseen share"
    }.get(row.gate, "statistic") %}
    {% do return([
        gates.effect(row),
        row.gate,
        row.relation,
        row.metric ~ (" [" ~ row.segment ~ "]" if row.segment != "all" else ""),
        "current " ~ gates.short(row.current_value),
        "reference " ~ gates.short(row.reference_value) if row.reference_value is not none else "",
        statistic ~ " " ~ gates.short(row.statistic) if row.statistic is not none else "",
        bounds | join(", "),
        "n " ~ row.sample_size if row.sample_size is not none else "",
        gates.reason_in_words(row.reason),
    ]) %}
{% endmacro %}

{% macro reason_in_words(reason) %}
    {% do return({
        "out_of_bounds": "out of bounds",
        "no_current": "no rows on the day that is judged",
        "no_reference": "no rows on the day it is compared with",
        "null_value": "NULL, NaN or infinite",
        "zero_value": "a zero has no ratio",
        "sign_change": "the sign has changed",
        "insufficient_history": "too few rows or days to decide",
        "unexpected_column": "column not declared in the YAML",
        "missing_column": "declared column not found",
        "type_changed": "column of another type",
        "unseen_category": "category never seen before",
        "missing_category": "usual category is gone",
        "stale": "copy of an earlier day",
        "query_error": "the query failed, see dbt's log",
    }.get(reason, reason)) %}
{% endmacro %}

{# A value as a person reads it: numbers with at most six significant digits. #}
{% macro short(value) %}
    {% if value is none %}{% do return("-") %}{% endif %}
    {% set number = value | float(none) %}
    {% do return(value if number is none else "%.6g" | format(number)) %}
{% endmacro %}
