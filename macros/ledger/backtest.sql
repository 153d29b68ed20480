{# What the gates of this invocation say of each day of a backtest, in the log: the days that each would have blocked or warned of.
   Nothing is written to the ledger, for nothing was decided: a day that a gate rejects here still serves it as a reference. #}
{% macro print_backtest(tests) %}
    {% set first_day, last_day = gates.first_judged(), gates.run_date() %}
    {% do log("gates on the " ~ ((last_day - first_day).days + 1) ~ " days from " ~ first_day.isoformat() ~ " to "
        ~ last_day.isoformat() ~ ", each as on that day; the ledger is left as it is", info=true) %}
    {% set kept, lines = gates.kept_evidence().rows, [] %}
    {% for result in tests if gates.is_gate(result.node) and result.status in ["pass", "warn", "fail"] %}
        {% set blocked, warned = [], [] %}
        {% for day, fails in gates.alarms(kept.get(result.node.unique_id, [])) %}
            {% set blocks = fails > 0 and (result.node.config.severity | lower) == "error" %}
            {% do (blocked if blocks else warned).append(day | string) %}
        {% endfor %}
        {% set listed = (["blocked on " ~ blocked | join(", ")] if blocked else [])
            + (["warned on " ~ warned | join(", ")] if warned else []) %}
        {% do lines.append([
            result.node.name, "blocked " ~ blocked | length, "warned " ~ warned | length, listed | join("; ")
        ]) %}
    {% endfor %}
    {% for line in gates.aligned(lines | sort) %}{% do log(line, info=true) %}{% endfor %}
{% endmacro %}

{# The days that rows of evidence do not pass, each with the number of rows that fail on it. #}
{% macro alarms(rows) %}
    {% set days = {} %}
    {% for row in rows if row.verdict != "pass" %}
        {% do days.update({row.run_date: days.get(row.run_date, 0) + (0 if row.verdict == "warn" else 1)}) %}
    {% endfor %}
    {% do return(days.items() | sort) %}
{% endmacro %}
