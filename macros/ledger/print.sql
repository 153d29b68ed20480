{# The evidence of this invocation in the log: one aligned line for each metric that failed or warned, failures first, then one line for
   each relation with the number of its checks that passed. Every row is in the ledger. #}
{% macro print_evidence(results, rows) %}
    {% set lines, counts, passed = {"FAIL": [], "WARN": []}, {"FAIL": 0, "WARN": 0, "PASS": 0}, {} %}
    {% set messages = {} %}
    {% for result in results if gates.status(result) == "error" %}
        {% do messages.update({result.node.unique_id: result.message | string}) %}
    {% endfor %}
    {% for row in rows %}
        {% set effect = gates.effect(row) %}
        {% do counts.update({effect: counts[effect] + 1}) %}
        {% if effect == "PASS" %}
            {% do passed.update({row.relation: passed.get(row.relation, 0) + 1}) %}
        {% else %}
            {% do lines[effect].append(gates.evidence_cells(effect, row, messages.get(row.node_id))) %}
        {% endif %}
    {% endfor %}
    {% do log("gates on " ~ gates.run_date().isoformat() ~ ": " ~ counts["FAIL"] ~ " failed, " ~ counts["WARN"]
        ~ " warned, " ~ counts["PASS"] ~ " passed", info=true) %}
    {% for line in gates.aligned(lines["FAIL"] + lines["WARN"]) %}{% do log(line, info=true) %}{% endfor %}
    {% for relation, count in passed.items() %}
        {% do log("PASS  " ~ (relation or "no relation") ~ ": " ~ count ~ (" check" if count == 1 else " checks") ~ " passed", info=true) %}
    {% endfor %}
    {% for unique_id, last_day in gates.kept_evidence().last_days.items() %}
        {% do log(gates.relation_name(graph.nodes[unique_id]) ~ ": the last day with rows is " ~ last_day, info=true) %}
    {% endfor %}
{% endmacro %}

{# A text that cannot control a terminal: of its control characters and invisible marks the codes. #}
{% macro printable(text) %}
    {% set shown = namespace(text=text) %}
    {% for mark in modules.re.findall("[\x00-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]", text) | unique %}
        {% set shown.text = shown.text | replace(mark, tojson(mark)[1:-1]) %}
    {% endfor %}
    {% do return(shown.text) %}
{% endmacro %}

{# What a row does to the run: a gate of severity warn does not stop it, nor one on a day that a person has accepted. A query that
   crashed stops it whatever the severity, because dbt skips what is downstream of an error. #}
{% macro effect(row) %}
    {% if row.status == "error" %}{% do return("FAIL") %}{% endif %}
    {% do return({"pass": "PASS", "learning": "PASS", "warn": "WARN"}.get(
        row.verdict, "WARN" if row.severity == "warn" or row.status == "accepted" else "FAIL"
    )) %}
{% endmacro %}

{# Rows of cells as lines whose columns stand under each other. #}
{% macro aligned(rows) %}
    {% set widths, shown, lines = [], [], [] %}
    {% for row in rows %}
        {% set cells = [] %}
        {% for cell in row %}{% do cells.append(gates.printable(cell)) %}{% endfor %}
        {% do shown.append(cells) %}
    {% endfor %}
    {% for _ in shown | first | default([]) %}
        {% do widths.append(shown | map(attribute=loop.index0) | map("length") | max) %}
    {% endfor %}
    {% for row in shown %}
        {% set cells = [] %}
        {% for cell in row %}{% do cells.append(cell.ljust(widths[loop.index0])) %}{% endfor %}
        {% do lines.append(cells | select("ne", "") | join("  ") | trim) %}
    {% endfor %}
    {% do return(lines) %}
{% endmacro %}

{# message: what the database or dbt said, where the query failed, without dbt's list of macros. A line break in a metric or a segment is a space. #}
{% macro evidence_cells(effect, row, message=none) %}
    {% set words = gates.words_of(row) %}
    {% set bound_unit, bounds = words.value_unit if row.statistic is none else words.unit, [] %}
    {% set judged = row.current_value if row.statistic is none else row.statistic %}
    {% set digits = gates.telling_digits(judged, [row.lower_bound, row.upper_bound]) %}
    {% for word, bound in [[words.lower, row.lower_bound], [words.upper, row.upper_bound]] if bound is not none %}
        {% do bounds.append(word ~ " " ~ gates.quantity(bound, bound_unit, digits=digits)) %}
    {% endfor %}
    {# a text that reads as a number, as 2024.10, has neither a statistic nor a bound, and stays as it is #}
    {% set as_text = row.statistic is none and not bounds and row.reference_value is not none %}
    {% do return([
        effect,
        row.gate,
        row.relation,
        (row.metric ~ (" [" ~ row.segment ~ "]" if row.segment != "all" else "")).split() | join(" "),
        "current " ~ gates.quantity(row.current_value, words.value_unit, as_text, digits if row.statistic is none else 6),
        "reference " ~ gates.quantity(row.reference_value, words.value_unit, as_text) if row.reference_value is not none else "",
        words.statistic ~ " " ~ gates.quantity(row.statistic, words.unit, digits=digits) if row.statistic is not none else "",
        bounds | join(", "),
        "n " ~ gates.quantity(row.sample_size, " rows") if row.sample_size is not none else "",
        words.reason ~ (": " ~ message.split("> in macro")[0].split() | join(" ") if message else ""),
    ]) %}
{% endmacro %}

{# What the spec of a row's gate says of its numbers and its reason: the name of the statistic, units with a space before them, the
   words before a bound, the note of the reason. A test without a spec has the words that all gates share. #}
{% macro words_of(row) %}
    {% set name, args = row.gate ~ "_spec", {} %}
    {% set spec = gates[name]() if name in gates else gates.spec({"arguments": {}}) %}
    {% set test, statistic = graph.nodes.get(row.node_id), spec.statistic or {"name": "statistic", "unit": ""} %}
    {% for argument, value in spec.arguments.items() %}
        {% do args.update({argument: (test.test_metadata.kwargs if test else {}).get(argument, value.default)}) %}
    {% endfor %}
    {% set reason = dict(gates.shared_reasons().get(row.reason, {}), **spec.reasons.get(row.reason, {})) %}
    {% set words = {
        "statistic": gates.by_argument(statistic.name, args) or "statistic", "lower": spec.lower, "upper": spec.upper,
        "reason": reason.note or row.reason,
    } %}
    {% for part, fact in {"unit": statistic.unit, "value_unit": spec.value_unit}.items() %}
        {% set unit = gates.by_argument(fact, args) %}
        {% do words.update({part: " " ~ unit if unit else ""}) %}
    {% endfor %}
    {% do return(words) %}
{% endmacro %}

{# The number of significant digits, 6 or more, with which a value does not look like a bound that it differs from. #}
{% macro telling_digits(value, bounds) %}
    {% for digits in [6, 9, 12, 15] %}
        {% set alike = [] %}
        {% for bound in bounds if bound is not none and value | float(none) is not none and value | float != bound | float %}
            {% if gates.quantity(value, "", digits=digits) == gates.quantity(bound, "", digits=digits) %}{% do alike.append(bound) %}{% endif %}
        {% endfor %}
        {% if not alike %}{% do return(digits) %}{% endif %}
    {% endfor %}
    {% do return(17) %}
{% endmacro %}

{# A value as a person reads it, with its unit: whole numbers and large ones in full, others with six significant digits, or more where
   that is asked for. #}
{% macro quantity(value, unit, as_text=false, digits=6) %}
    {% if value is none %}{% do return("-") %}{% endif %}
    {% set number = none if as_text else value | float(none) %}
    {% if number is none %}{% do return((value | string).split() | join(" ") ~ unit) %}{% endif %}
    {% set is_whole = digits == 6 and 1e5 <= number | abs < 1e15 %}
    {% set text = ("%.0f" if is_whole else "%." ~ digits ~ "g") | format(number) %}
    {% do return(text ~ (unit[:-1] if text in ["1", "-1"] and unit in [" rows", " days"] else unit)) %}
{% endmacro %}
