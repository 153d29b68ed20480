{# The status of each day of each relation, from the ledger and the decisions:
     known, accepted, excluded, new level   a person has decided so, about the rows that are there now
     unjudged   a gate of severity error has not judged the day as it is configured now, or the rows that are there now
     rejected   such a gate has failed
     proven     all have judged it and none has failed; what was still learning is in `learning`
   gates: those that have to judge a day, by id in dbt; all of severity error where none is named. Columns: relation, day, status, why (a
   person's reason, or what is missing), who, learning. #}
{% macro day_statuses(first_day, last_day, gates_of_days=[]) %}
{% set text = gates.type_text() %}
with required as (
    {{ gates.required_gates(gates_of_days) }}
),

relations as (
    select distinct relation from required
),

days as (
    select profile_date as day from ({{ gates.days_between(first_day, last_day) }}) as each_day
),

contents as (
    {{ gates.contents(first_day, last_day) }}
),

judged as (
    {{ gates.last_verdicts(first_day, last_day) }}
),

rejected as (
    {% for relation in gates.relations_of(gates_of_days) -%}
    select
        relation,
        run_date as day,
        max(recorded_at) as rejected_at
    from (
        {{ gates.rejections(relation, first_day, last_day, columns=["relation", "run_date", "recorded_at"]) }}
    ) as rejections
    group by relation, run_date
    {{ "union all" if not loop.last }}
    {% endfor %}
),

decided as (
    {{ gates.standing_decisions("select relation from relations", gates.in_dates("decided.day", first_day, last_day)) }}
),

states as (
    select
        required.relation,
        days.day,
        required.gate_name,
        judged.is_learning,
        case
            when judged.run_date is null then 'has not judged it'
            when judged.config_hash <> required.config_hash then 'has changed since it judged it'
            when coalesce(contents.content, '') <> coalesce(judged.subject_version, '') and contents.relation is not null
                then 'has judged other rows'
        end as missing
    from required
    cross join days
    left join judged on required.gate_id = judged.gate_id and days.day = judged.run_date
    left join contents on required.relation = contents.relation and days.day = contents.day
),

summed as (
    select
        relation,
        day,
        count(missing) as missing_count,
        {{ gates.text_of_all("case when missing is not null then gate_name || ' ' || missing end", "\n") }} as missing,
        {{ gates.text_of_all("case when is_learning then gate_name end", "\n") }} as learning
    from states
    group by relation, day
),

reconsidered as (
    -- days whose rejection is older than a decision about a day before, if that was a reference or is one now
    select
        rejected.relation,
        rejected.day
    from rejected
    inner join {{ gates.all_decisions() }} as later
        on
            later.relation in ('', rejected.relation)
            and rejected.rejected_at < later.recorded_at
            and rejected.day > later.day
    left join rejected as decided_day on rejected.relation = decided_day.relation and later.day = decided_day.day
    where later.decision in ('new level', 'undo') or decided_day.day is null
    group by rejected.relation, rejected.day
),

statuses as (
    select
        summed.relation,
        summed.day,
        case
            when decided.decision = 'excluded' then decided.decision
            when decided.decision is not null and coalesce(decided.content, contents.content, '') = coalesce(contents.content, '')
                then decided.decision
            when summed.missing_count > 0 or reconsidered.day is not null then 'unjudged'
            when rejected.day is not null then 'rejected'
            else 'proven'
        end as status,
        case
            when summed.missing_count > 0 then summed.missing
            when reconsidered.day is not null then 'a decision was made since it was rejected'
        end as missing,
        decided.why,
        decided.who,
        summed.learning
    from summed
    left join decided on summed.relation = decided.relation and summed.day = decided.day
    left join contents on summed.relation = contents.relation and summed.day = contents.day
    left join rejected on summed.relation = rejected.relation and summed.day = rejected.day
    left join reconsidered on summed.relation = reconsidered.relation and summed.day = reconsidered.day
),

final as (
    select
        relation,
        day,
        status,
        case
            when status = 'unjudged' then missing
            when status in ('known', 'accepted', 'excluded', 'new level') then why
        end as why,
        case when status in ('known', 'accepted', 'excluded', 'new level') then who end as who,
        case when status = 'proven' then learning end as learning
    from statuses
)

select * from final
{% endmacro %}

{# The gates that have to judge each day: relation, gate_id, gate_name and config_hash. #}
{% macro required_gates(chosen) %}
{% set identities = gates.gate_ids() %}
{% for test_node in gates.gates_of_days(chosen) -%}
select
    {{ gates.literal(gates.relation_name(test_node)) }} as relation,
    {{ gates.literal(identities[test_node.unique_id]) }} as gate_id,
    {{ gates.literal(test_node.name) }} as gate_name,
    {{ gates.literal(gates.config_hash(test_node)) }} as config_hash
{{ "union all" if not loop.last }}
{% endfor %}
{% endmacro %}

{# The nodes of these gates: of severity error, and judging a day at a time. #}
{% macro gates_of_days(chosen) %}
    {% set found = [] %}
    {% for test_node in graph.nodes.values() if gates.judges_days(test_node) and test_node.config.severity | lower == "error"
        and (not chosen or test_node.unique_id in chosen) %}
        {% do found.append(test_node) %}
    {% endfor %}
    {% do return(found) %}
{% endmacro %}

{% macro relations_of(chosen) %}
    {% set names = [] %}
    {% for test_node in gates.gates_of_days(chosen) %}{% do names.append(gates.relation_name(test_node)) %}{% endfor %}
    {% do return(names | unique | sort) %}
{% endmacro %}

{# The last time that each gate judged each day: gate_id, run_date, config_hash, subject_version, is_learning. #}
{% macro last_verdicts(first_day, last_day) %}
select
    gate_id,
    run_date,
    max(config_hash) as config_hash,
    max(subject_version) as subject_version,
    max(case when verdict = 'learning' or reason = 'insufficient_history' then 1 else 0 end) = 1 as is_learning
from (
    select
        {{ gates.recorded_gate_id("recorded") }} as gate_id,
        run_date,
        config_hash,
        subject_version,
        verdict,
        reason,
        rank() over (
            partition by {{ gates.recorded_gate_id("recorded") }}, run_date order by recorded_at desc, invocation_id desc
        ) as age
    from {{ gates.ledger() }} as recorded
    where
        {{ gates.in_dates("run_date", first_day, last_day) }}
        and {{ gates.recorded_gate_id("recorded") }} in (select gate_id from required)
        and severity = 'error'
) as ranked
where age = 1
group by gate_id, run_date
{% endmacro %}

{% macro in_dates(column, first_day, last_day) -%}
    {{ column }} >= {{ gates.date_literal(first_day) }} and {{ column }} <= {{ gates.date_literal(last_day) }}
{%- endmacro %}

{# The ledger's rows that reject days of a relation, as they stand, on the days from first_day to last_day. #}
{% macro rejections_of_days(relation, first_day, last_day) %}
select *
from ({{ gates.rejections(relation, first_day, last_day, columns=gates.ledger_columns() | list) }}) as standing
order by run_date, node_id, metric, segment
{% endmacro %}

{# The first day on which each relation has rows, NULL where it has none: relation, day. #}
{% macro first_days(chosen=[]) %}
    {% set selects, mentioned = [], [] %}
    {% for test_node in gates.gates_of_days(chosen) if gates.relation_name(test_node) not in mentioned %}
        {% set name, node = gates.relation_name(test_node), gates.tested_node(test_node) %}
        {% set column = gates.column(test_node.test_metadata.kwargs.date_column) %}
        {% do mentioned.append(name) %}
        {% do selects.append("select " ~ gates.literal(name) ~ " as relation, cast(min(" ~ column ~ ") as date) as day from " ~ node.relation_name) %}
    {% endfor %}
    {% do return(selects | join(" union all ")) %}
{% endmacro %}

{# The statuses of all days from the first with rows to the run date. #}
{% macro statuses_so_far(chosen) %}
    {% set first = gates.fetched("select min(day) from (" ~ gates.first_days(chosen) ~ ") as first_days", ["day"])[0].day if execute %}
    {% do return(gates.day_statuses(first or gates.run_date(), gates.run_date(), chosen)) %}
{% endmacro %}
