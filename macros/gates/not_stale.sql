{# A day is a copy of an earlier day when both have the same number of rows and the same pairs of key and measure, in any order. #}
{% macro not_stale_spec() %}
    {% do return(gates.spec({
        "gate": "not_stale",
        "passes_when": "The day is not a copy of one of the days before it: the same pairs of key and measure, in any order.",
        "arguments": {
            "date_column": {},
            "key": {"kind": "column", "also_called": ["column_name", "id", "key_column"], "meaning": "The column of the key of a row"},
            "measure": {"kind": "column", "also_called": ["value", "measure_column"],
                "meaning": "The column of a value that changes from day to day"},
            "days": {"kind": "integer", "at_least": 1, "default": 7, "also_called": ["history_days", "days_back"],
                "meaning": "Days before the run date that are compared"},
            "segment_column": {}, "min_segment_size": {}, "weight": {}, "on_missing": {}, "on_short": {}, "version": {},
        },
        "value_unit": "days",
        "formula": "day with the same rows and the same sum of hash({key}, {measure}), counted from the run date = {current_value}",
        "sentence": "the day is no copy of an earlier one",
        "reasons": {"stale": {"note": "copy of an earlier day", "sentence": "the day is a copy of {current_day}: the same {of}"}},
    })) %}
{% endmacro %}

{% test not_stale(model, date_column, key, measure, days, segment_column, min_segment_size, weight, on_missing, on_short, version) %}
{{ gates.configure() }}
{% set args = gates.arguments(gates.not_stale_spec(), {
    "date_column": date_column, "key": key, "measure": measure, "days": days, "segment_column": segment_column,
    "min_segment_size": min_segment_size, "weight": weight, "on_missing": on_missing, "on_short": on_short, "version": version,
}, kwargs) %}
{% set evidence %}
{% set fingerprint = "cast(count(*) as " ~ gates.type_text() ~ ") || ':' || cast(sum("
    ~ gates.pair_hash(gates.column(args.key), gates.column(args.measure)) ~ ") as " ~ gates.type_text() ~ ")" %}
with series as (
    {{ gates.daily_series(model, args, [fingerprint], args.days, type=gates.type_text()) }}
),

{{ gates.judged_series(args, args.days, leave_out_rejected=false) }},

compared as (
    select
        *,
        count(past_day) over ({{ gates.days_preceding("segment", args.days) }}) as day_count,
        max(past_day) over ({{ gates.days_preceding("segment, current_value", args.days) }}) - day_number as copied_day
    from listed
),

judged as (
    select
        day_number,
        {{ gates.literal("copied day by " ~ args.key ~ ", " ~ args.measure) }} as metric,
        segment,
        copied_day as current_value,
        null as reference_value, null as statistic, null as lower_bound, null as upper_bound,
        sample_size,
        case
            when sample_size = 0 then 'no_current'
            when sample_size < {{ args.min_segment_size }} then 'insufficient_history'
            when copied_day is not null then 'stale'
            when day_count = 0 then 'insufficient_history'
            else 'ok'
        end as reason
    from compared
    where is_judged
)

{{ gates.evidence_rows("not_stale", "judged", args.on_missing, gates.short_verdicts(args)) }}
{% endset %}
{{ gates.decided(evidence, model, args) }}
{% endtest %}
