"""A macro that keeps rows with odd values in every column of the ledger, and seals them: `dbt run-operation keep_odd_rows`."""

from __future__ import annotations

KEEP_ODD_ROWS = r"""
{% macro keep_odd_rows() %}
    {% set odd_text = "a 'b' \"c\"\n\t|,;: \\ \\' %s {0} -- /* ü 漢字 \U0001F642 e\u0301 \u00e9 \u200b" %}
    {% set by_type = {
        gates.type_text(): [odd_text, "", " ", "NULL", "1:-", none],
        gates.type_double(): ["NaN", "Infinity", "-Infinity", "-0.0", "0.0", "1.7976931348623157e308", "5e-324", "0.1", none],
        "date": ["0001-01-01", "9999-12-31", "2026-11-22", none] + (["infinity", "-infinity"] if target.type != "spark" else []),
        "bigint": ["9223372036854775807", "-9223372036854775808", "0", none],
        "integer": ["2147483647", "-1", none],
        gates.type_timestamp(): ["2026-11-22 10:11:12.123456", "1969-12-31 23:59:59.999999", none],
    } %}
    {% set rows = [] %}
    {% for number in range(9) %}
        {% set values = [] %}
        {% for name, type in gates.ledger_columns().items() %}
            {% set choices = by_type[type] %}
            {% set value = invocation_id if name == "invocation_id" else choices[number % (choices | length)] %}
            {% do values.append("cast(" ~ ("null" if value is none else gates.literal(value)) ~ " as " ~ type ~ ") as " ~ name) %}
        {% endfor %}
        {% do rows.append("select " ~ values | join(", ")) %}
    {% endfor %}
    {% do gates.keep_sealed([
        "insert into " ~ gates.ledger() ~ " (" ~ gates.ledger_columns() | join(", ") ~ ") " ~ rows | join(" union all ")
    ]) %}
{% endmacro %}
"""
