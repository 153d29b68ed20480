{% test duplicate_limit(
    model, key, date_column, max_share=none, max_increase=none, history_days=28,
    segment_column=none, min_segment_size=1, on_missing="fail", on_short="warn"
) %}
    {{ gates.configure() }}
    {% set columns = [key] if key is string else key %}
    {% do gates.require_column("duplicate_limit", "date_column", date_column) %}
    {% do gates.require_columns("duplicate_limit", "key", columns) %}
    {% do gates.require_common("duplicate_limit", date_column, 0, segment_column, min_segment_size, on_missing) %}
    {% do gates.require_share_bounds("duplicate_limit", max_share, max_increase, history_days, on_short) %}
    {{ gates.duplicate_limit_sql(
        model, columns, date_column, max_share, max_increase, history_days,
        segment_column, min_segment_size, on_missing, on_short
    ) }}
{% endtest %}

{# The rows beyond the first of each key. Keys are compared within a day; a NULL key equals a NULL key. #}
{% macro duplicate_limit_sql(
    model, columns, date_column, max_share, max_increase, history_days,
    segment_column, min_segment_size, on_missing, on_short
) %}
{% set days = history_days if max_increase is not none else 0 %}
{% set keys = ["cast(" ~ gates.column(date_column) ~ " as date)"] %}
{% for column in columns + ([segment_column] if segment_column is not none else []) %}
    {% do keys.append(gates.column(column)) %}
{% endfor %}
with keyed as (
    select
        cast({{ gates.column(date_column) }} as date) as key_day,
        {{ gates.segment(segment_column) if segment_column is not none else "'all'" }} as key_segment,
        count(*) as copies
    from {{ model }}
    where {{ gates.in_days(date_column, gates.days_before(gates.run_date(), days), gates.run_date()) }}
    group by {{ keys | join(", ") }}
),

series as (
    {{ gates.daily_series(
        "keyed", "key_day", ["1 - count(*) / cast(sum(copies) as " ~ gates.type_double() ~ ")"], days,
        "key_segment" if segment_column is not none else none, "copies"
    ) }}
),

{{ gates.share_evidence(
    "duplicate_limit", "repeated " ~ columns | join(", "), max_share, max_increase, history_days,
    min_segment_size, on_missing, on_short
) }}
{% endmacro %}
