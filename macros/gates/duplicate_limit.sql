{# The rows beyond the first of each key. Keys are compared within a day; a NULL key equals a NULL key. In a profile, `key` has
   counted the distinct keys already, without NULL, of as many rows as `weight` says. #}
{% test duplicate_limit(
    model, key, date_column, max_share=none, max_increase=none, history_days=28,
    segment_column=none, min_segment_size=1, weight=none, on_missing="fail", on_short="warn"
) %}
{{ gates.configure() }}
{% set evidence %}
{% set columns = [key] if key is string else key %}
{% if not execute %}
    {% do gates.check_duplicate_limit(
        date_column, max_share, max_increase, history_days, segment_column, min_segment_size, weight, on_missing,
        on_short, columns
    ) %}
{% endif %}
{% set days = history_days if max_increase is not none else 0 %}
{% set is_counted = weight is not none %}
{% set rows = weight if is_counted else "copies" %}
{% set keys = "sum(" ~ gates.column(columns[0]) ~ ")" if is_counted else "count(*)" %}
with {% if not is_counted -%}
keyed as (
    select
        cast({{ gates.column(date_column) }} as date) as key_day,
        {{ gates.segment(segment_column) if segment_column is not none else "'all'" }} as key_segment,
        count(*) as copies
    from {{ model }}
    where {{ gates.in_reach(date_column, days) }}
    group by
        cast({{ gates.column(date_column) }} as date)
        {%- for column in columns + ([segment_column] if segment_column is not none else []) %}, {{ gates.column(column) }}{% endfor %}
),

{% endif -%}
series as (
    {{ gates.daily_series(
        model if is_counted else "keyed", date_column if is_counted else "key_day",
        ["1 - " ~ keys ~ " / cast(sum(" ~ gates.column(rows) ~ ") as " ~ gates.type_double() ~ ")"], days,
        segment_column if is_counted or segment_column is none else "key_segment", rows
    ) }}
),

{{ gates.share_evidence(
    "duplicate_limit", "repeated " ~ columns | join(", "), max_share, max_increase, history_days,
    segment_column, min_segment_size, on_missing, on_short
) }}
{% endset %}
{{ gates.decided(evidence) }}
{% endtest %}

{% macro check_duplicate_limit(
    date_column, max_share, max_increase, history_days, segment_column, min_segment_size, weight, on_missing, on_short,
    columns
) %}
    {% do gates.require_column("duplicate_limit", "date_column", date_column) %}
    {% do gates.require_key("duplicate_limit", "key", columns, weight) %}
    {% do gates.require_common("duplicate_limit", date_column, 0, segment_column, min_segment_size, on_missing, weight) %}
    {% do gates.require_share_bounds("duplicate_limit", max_share, max_increase, history_days, on_short) %}
{% endmacro %}
