{# A row repeats a key when an earlier row of the day has the key; NULL equals NULL. On a profile the column `key` holds the number of
   distinct keys, without NULL, and the column `weight` the number of rows. #}
{% macro duplicate_limit_spec() %}
    {% do return(gates.spec({
        "gate": "duplicate_limit",
        "passes_when": "The share of the day's rows beyond the first of each key stays within a bound, as in `share_limit`.",
        "arguments": {
            "key": {
                "kind": "columns", "one_with": "weight", "also_called": ["keys", "column_name", "columns", "combination_of_columns"],
                "meaning": "What should not repeat within a day (and segment); NULL equals NULL. With `weight`, the column with"
                    ~ " the number of distinct keys",
            },
            "date_column": {}, "max_share": {}, "max_increase": {}, "history_days": {}, "segment_column": {}, "min_segment_size": {},
            "weight": {"meaning": "On a profile: the column with the number of rows that the keys are counted over"},
            "on_missing": {}, "on_short": {}, "version": {},
        },
        "at_least_one": ["max_share", "max_increase"],
        "value_unit": "of rows",
        "formula": "1 - distinct {key} / rows of the day = {current_value}",
        "sentence": "{current_share} of the rows repeat {of}{share_before}{allowed_share}",
    })) %}
{% endmacro %}

{% test duplicate_limit(
    model, key, date_column, max_share, max_increase, history_days, segment_column, min_segment_size, weight, on_missing, on_short, version
) %}
{{ gates.configure() }}
{% set args = gates.arguments(gates.duplicate_limit_spec(), {
    "key": key, "date_column": date_column, "max_share": max_share, "max_increase": max_increase, "history_days": history_days,
    "segment_column": segment_column, "min_segment_size": min_segment_size, "weight": weight, "on_missing": on_missing,
    "on_short": on_short, "version": version,
}, kwargs) %}
{% set evidence %}
{% set columns, days = [args.key] if args.key is string else args.key, gates.share_history(args) %}
{% set is_counted, segment = args.weight is not none, args.segment_column %}
{% set counted = args if is_counted else dict(
    args, date_column="key_day", weight="copies", segment_column=none if segment is none else "key_segment"
) %}
{% set keys = "sum(" ~ gates.column(columns[0]) ~ ")" if is_counted else "count(*)" %}
with {% if not is_counted -%}
keyed as (
    select
        cast({{ gates.column(args.date_column) }} as date) as key_day,
        {{ gates.segment(segment) if segment is not none else "'all'" }} as key_segment,
        count(*) as copies
    from {{ model }}
    where {{ gates.in_reach(args.date_column, days) }}
    group by
        cast({{ gates.column(args.date_column) }} as date)
        {%- for column in columns + ([segment] if segment is not none else []) %}, {{ gates.column(column) }}{% endfor %}
),

{% endif -%}
series as (
    {{ gates.daily_series(
        model if is_counted else "keyed", counted,
        ["1 - " ~ keys ~ " / cast(sum(" ~ gates.column(counted.weight) ~ ") as " ~ gates.type_double() ~ ")"], days
    ) }}
),

{{ gates.share_evidence("duplicate_limit", "repeated " ~ columns | join(", "), args) }}
{% endset %}
{{ gates.decided(evidence, model, args) }}
{% endtest %}
