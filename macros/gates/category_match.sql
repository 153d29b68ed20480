{# Unseen: on no day of the history. Usual: on every day of the history that has rows, and with no less than
   min_usual_share of them all: a rare category is there on all days by chance, and gone by chance. #}
{% test category_match(
    model, column_name, date_column, max_unseen_share=0.01, require_usual=true, min_usual_share=0.005,
    history_days=28, segment_column=none, min_segment_size=1, weight=none, on_missing="fail", on_short="warn"
) %}
{{ gates.configure() }}
{% set evidence %}
{% if not execute %}
    {% do gates.check_category_match(
        column_name, date_column, max_unseen_share, require_usual, min_usual_share, history_days, segment_column,
        min_segment_size, weight, on_missing, on_short
    ) %}
{% endif %}
{% set offender = "buckets.bucket" if segment_column is none else "grouped.part || ': ' || buckets.bucket" %}
{% set offending = "case when reason in ('unseen_category', 'missing_category') then bucket_id end" %}
with {{ gates.category_shares(model, column_name, date_column, history_days, segment_column, weight) }},

decided as (
    select
        *,
        case
            when sample_size = 0 then 'no_current'
            when sample_size < {{ min_segment_size }} then 'insufficient_history'
            when not is_comparable then 'insufficient_history'
            when seen_days = 0 and unseen_share > {{ gates.number(max_unseen_share) }} then 'unseen_category'
            {% if require_usual -%}
            when seen_days = day_count and today_size = 0 and usual_share >= {{ gates.number(min_usual_share) }}
                then 'missing_category'
            {% endif -%}
            else 'ok'
        end as reason
    from shared
),

grouped as (
    -- a row for each category that offends, and one for all the others of a segment together
    select
        day_number,
        segment as part,
        reason,
        {{ offending }} as bucket_id,
        sum(case when is_comparable then share end) as current_value,
        sum(case when is_comparable then usual_share end) as reference_value,
        max(case when is_comparable then unseen_share end) as statistic,
        max(sample_size) as sample_size
    from decided
    group by day_number, segment, reason, {{ offending }}
),

judged as (
    select
        grouped.*,
        {{ gates.literal("share of " ~ column_name) }} as metric,
        coalesce({{ offender }}, grouped.part) as segment,
        null as lower_bound,
        {{ gates.number(max_unseen_share) }} as upper_bound
    from grouped
    left join buckets on grouped.bucket_id = buckets.bucket_id
)

{{ gates.evidence_rows("category_match", "judged", on_missing, gates.short_verdicts(min_segment_size, on_short)) }}
{% endset %}
{{ gates.decided(evidence) }}
{% endtest %}

{% macro check_category_match(
    column_name, date_column, max_unseen_share, require_usual, min_usual_share, history_days, segment_column,
    min_segment_size, weight, on_missing, on_short
) %}
    {% do gates.require_column("category_match", "column_name", column_name) %}
    {% do gates.require_column("category_match", "date_column", date_column) %}
    {% do gates.require_number("category_match", "max_unseen_share", max_unseen_share, at_least=0, below=1) %}
    {% do gates.require_choice("category_match", "require_usual", require_usual, [true, false]) %}
    {% do gates.require_number("category_match", "min_usual_share", min_usual_share, at_least=0, below=1) %}
    {% do gates.require_integer("category_match", "history_days", history_days, 2) %}
    {% do gates.require_common("category_match", date_column, 0, segment_column, min_segment_size, on_missing, weight) %}
    {% do gates.require_choice("category_match", "on_short", on_short, ["pass", "warn", "fail"]) %}
{% endmacro %}
