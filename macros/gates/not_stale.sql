{# A day is a copy of an earlier one when it has as many rows and the same pairs of key and measure, in any order. #}
{% test not_stale(
    model, date_column, key, measure, days=7, segment_column=none, min_segment_size=1, weight=none, on_missing="fail",
    on_short="warn"
) %}
{{ gates.configure() }}
{% set evidence %}
{% if not execute %}
    {% do gates.check_not_stale(
        date_column, key, measure, days, segment_column, min_segment_size, weight, on_missing, on_short
    ) %}
{% endif %}
{% set fingerprint = "cast(count(*) as " ~ gates.type_text() ~ ") || ':' || cast(sum("
    ~ gates.pair_hash(gates.column(key), gates.column(measure)) ~ ") as " ~ gates.type_text() ~ ")" %}
with series as (
    {{ gates.daily_series(model, date_column, [fingerprint], days, segment_column, weight, type=gates.type_text()) }}
),

days as (
    {{ gates.judged_days() }}
),

known as (
    {{ gates.known_segments(segment_column, days) }}
),

listed as (
    {{ gates.listed_days(leave_out_rejected=false) }}
),

compared as (
    select
        *,
        count(past_day) over ({{ gates.days_preceding("segment", days) }}) as day_count,
        max(past_day) over ({{ gates.days_preceding("segment, current_value", days) }}) - day_number as copied_day
    from listed
),

judged as (
    select
        day_number,
        {{ gates.literal("copied day by " ~ key ~ ", " ~ measure) }} as metric,
        segment,
        copied_day as current_value,
        null as reference_value,
        null as statistic,
        null as lower_bound,
        null as upper_bound,
        sample_size,
        case
            when sample_size = 0 then 'no_current'
            when sample_size < {{ min_segment_size }} then 'insufficient_history'
            when copied_day is not null then 'stale'
            when day_count = 0 then 'insufficient_history'
            else 'ok'
        end as reason
    from compared
    where is_judged
)

{{ gates.evidence_rows("not_stale", "judged", on_missing, gates.short_verdicts(min_segment_size, on_short)) }}
{% endset %}
{{ gates.decided(evidence) }}
{% endtest %}

{% macro check_not_stale(
    date_column, key, measure, days, segment_column, min_segment_size, weight, on_missing, on_short
) %}
    {% do gates.require_column("not_stale", "date_column", date_column) %}
    {% do gates.require_column("not_stale", "key", key) %}
    {% do gates.require_column("not_stale", "measure", measure) %}
    {% do gates.require_common("not_stale", date_column, 0, segment_column, min_segment_size, on_missing, weight) %}
    {% do gates.require_integer("not_stale", "days", days, 1) %}
    {% do gates.require_choice("not_stale", "on_short", on_short, ["pass", "warn", "fail"]) %}
{% endmacro %}
