{% test not_stale(model, date_column, key, measure, days=7, weight=none, on_missing="fail", on_short="warn") %}
    {{ gates.configure() }}
    {% if not execute %}
        {% do gates.require_column("not_stale", "date_column", date_column) %}
        {% do gates.require_column("not_stale", "key", key) %}
        {% do gates.require_column("not_stale", "measure", measure) %}
        {% do gates.require_common("not_stale", date_column, on_missing=on_missing, weight=weight) %}
        {% do gates.require_integer("not_stale", "days", days, 1) %}
        {% do gates.require_choice("not_stale", "on_short", on_short, ["pass", "warn", "fail"]) %}
    {% endif %}
    {{ gates.not_stale_sql(model, date_column, key, measure, days, weight, on_missing, on_short) }}
{% endtest %}

{# A day is a copy of an earlier one when it has as many rows and the same pairs of key and measure, in any order. #}
{% macro not_stale_sql(model, date_column, key, measure, days, weight, on_missing, on_short) %}
{% set today = gates.run_date() %}
with fingerprints as (
    select
        {{ gates.day_number(date_column, today) }} as day_number,
        {{ gates.row_count(weight) }} as sample_size,
        cast(count(*) as {{ gates.type_text() }}) || ':'
        || cast(sum({{ gates.pair_hash(gates.column(key), gates.column(measure)) }}) as {{ gates.type_text() }}) as fingerprint
    from {{ model }}
    where {{ gates.in_reach(date_column, days) }}
    group by {{ gates.day_number(date_column, today) }}
    having {{ gates.row_count(weight) }} > 0
),

days as (
    {{ gates.judged_days() }}
),

compared as (
    select
        days.day_number,
        today.fingerprint,
        coalesce(today.sample_size, 0) as sample_size,
        max(case when past.fingerprint = today.fingerprint then past.day_number - days.day_number end) as copied_day,
        count(past.day_number) as day_count
    from days
    left join fingerprints as today on days.current_day = today.day_number
    left join fingerprints as past
        on past.day_number between days.day_number - {{ days }} and days.day_number - 1
    group by days.day_number, today.fingerprint, today.sample_size
),

judged as (
    select
        day_number,
        {{ gates.literal("copied day by " ~ key ~ ", " ~ measure) }} as metric,
        'all' as segment,
        copied_day as current_value,
        null as reference_value,
        null as statistic,
        null as lower_bound,
        null as upper_bound,
        sample_size,
        case
            when sample_size = 0 then 'no_current'
            when copied_day is not null then 'stale'
            when day_count = 0 then 'insufficient_history'
            else 'ok'
        end as reason
    from compared
)

{{ gates.evidence_rows("not_stale", "judged", on_missing, gates.short_verdicts(1, on_short)) }}
{% endmacro %}
