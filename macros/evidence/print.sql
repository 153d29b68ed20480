{# The evidence of this invocation in the log: one aligned line a metric, failures first. #}
{% macro print_evidence(results) %}
    {% set rows = run_query(
        "select node_id, relation, severity, " ~ gates.evidence_columns() | join(", ") ~ " from " ~ gates.ledger()
        ~ " where invocation_id = " ~ gates.literal(invocation_id) ~ " order by relation, gate, metric, segment"
    ).rows %}
    {% set lines, counts = {"FAIL": [], "WARN": [], "PASS": []}, {"FAIL": 0, "WARN": 0, "PASS": 0} %}
    {% set messages, columns_as_declared = {}, {} %}
    {% for result in results if result.status == "error" %}
        {% do messages.update({result.node.unique_id: result.message | string}) %}
    {% endfor %}
    {% for row in rows %}
        {% set effect = gates.effect(row) %}
        {% do counts.update({effect: counts[effect] + 1}) %}
        {% if row.gate == "schema_match" and row.reason == "ok" %}
            {% do columns_as_declared.update({row.relation: columns_as_declared.get(row.relation, 0) + 1}) %}
        {% else %}
            {% do lines[effect].append(gates.evidence_cells(row, messages.get(row.node_id))) %}
        {% endif %}
    {% endfor %}
    {% for relation, count in columns_as_declared.items() %}
        {% do lines["PASS"].append(
            ["PASS", "schema_match", relation, "columns as declared", "current " ~ count, "", "", "", "", "ok"]
        ) %}
    {% endfor %}
    {% do log("gates on " ~ gates.run_date().isoformat() ~ ": " ~ counts["FAIL"] ~ " failed, " ~ counts["WARN"]
        ~ " warned, " ~ counts["PASS"] ~ " passed", info=true) %}
    {% for line in gates.aligned(lines["FAIL"] + lines["WARN"] + lines["PASS"]) %}
        {% do log(line, info=true) %}
    {% endfor %}
    {% for result in results if gates.is_gate(result.node) and result.node.test_metadata.name == "row_existence" %}
        {% if result.status == "fail" %}{% do gates.print_last_day(result.node) %}{% endif %}
    {% endfor %}
{% endmacro %}

{# What to do about a day without rows is mostly to ask for another: so name the last that has some. #}
{% macro print_last_day(test_node) %}
    {% set relation = gates.tested_node(test_node).relation_name %}
    {% set last_day = "select cast(max(" ~ gates.column(test_node.test_metadata.kwargs.date_column) ~ ") as date) from "
        ~ relation %}
    {% do log(gates.relation_name(test_node) ~ ": the last day with rows is " ~ run_query(last_day).rows[0][0], info=true) %}
{% endmacro %}

{# Rows of cells as lines whose columns stand under each other. #}
{% macro aligned(rows) %}
    {% set widths, lines = [], [] %}
    {% for _ in rows | first | default([]) %}
        {% do widths.append(rows | map(attribute=loop.index0) | map("length") | max) %}
    {% endfor %}
    {% for row in rows %}
        {% set cells = [] %}
        {% for cell in row %}{% do cells.append(cell.ljust(widths[loop.index0])) %}{% endfor %}
        {% do lines.append(cells | select("ne", "") | join("  ") | trim) %}
    {% endfor %}
    {% do return(lines) %}
{% endmacro %}

{# What a row does to the run: a gate of severity warn never stops it. #}
{% macro effect(row) %}
    {% do return("WARN" if row.verdict == "fail" and row.severity == "warn" else row.verdict | upper) %}
{% endmacro %}

{# message: what the database said, where the query failed. #}
{% macro evidence_cells(row, message=none) %}
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
        gates.reason_in_words(row.reason) ~ (": " ~ message.split() | join(" ") if message else ""),
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
        "query_error": "the query failed",
    }.get(reason, reason)) %}
{% endmacro %}

{# A value as a person reads it: numbers with at most six significant digits. #}
{% macro short(value) %}
    {% if value is none %}{% do return("-") %}{% endif %}
    {% set number = value | float(none) %}
    {% do return(value if number is none else "%.6g" | format(number)) %}
{% endmacro %}
