{% test row_existence(model, date_column, min_rows=1, days_back=0, segment_column=none, weight=none) %}
{{ gates.configure() }}
{% set evidence %}
{% if not execute %}{% do gates.check_row_existence(date_column, min_rows, days_back, segment_column, weight) %}{% endif %}
{{ gates.bounded_value(
    "row_existence", model, {gates.row_count(weight): {"lower_bound": min_rows, "upper_bound": none}},
    date_column=date_column, days_back=days_back, segment_column=segment_column, weight=weight
) }}
{% endset %}
{{ gates.decided(evidence) }}
{% endtest %}

{% macro check_row_existence(date_column, min_rows, days_back, segment_column, weight) %}
    {% do gates.require_column("row_existence", "date_column", date_column) %}
    {% do gates.require_common("row_existence", date_column, days_back, segment_column, weight=weight) %}
    {% do gates.require_integer("row_existence", "min_rows", min_rows, 1) %}
{% endmacro %}
