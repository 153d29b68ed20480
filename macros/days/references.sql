{# Which days may serve a gate as a reference. Never those on which a gate of severity error has failed that looks at the same relation,
   whichever it was and whatever it is called now, until the same gate judges the day again and passes; those that a person has set
   apart (known, accepted, excluded); those before a new level; those of the calendar. A failure for want of a reference says nothing
   about the day. days: how far back the gate looks before the first day that it judges, so that the cost does not grow with the ledger. #}
{% macro rejected_days(days) %}
{% set today, relation = gates.run_date(), gates.relation_name(model) if execute %}
{% set selects, decided = [], gates.decisions() if execute %}
{% if execute and gates.verdicts() %}
    {% do selects.append(gates.rejections(
        relation, gates.days_before(gates.first_judged(), days), gates.days_before(today, 1),
        "coalesce(recorded.reason, '') <> 'no_reference'"
    )) %}
{% endif %}
{% set standing = gates.standing_decisions(
    "select " ~ gates.literal(relation) ~ " as relation", gates.earlier_days("decided.day", days)
) if decided %}
{% set starts = gates.new_level_of_test() %}
select {{ gates.day_number("run_date", today) }} as day_number
from (
    {% for select in selects %}{{ select }}{% else %}select cast(null as date) as run_date where 1 = 0{% endfor %}
) as rejections
{% if decided -%}
where run_date not in (select day from ({{ standing }}) as levels where decision = 'new level')
union
select {{ gates.day_number("day", today) }} as day_number
from ({{ standing }}) as set_apart
where decision <> 'new level'
{%- endif %}
{% if starts -%}
union
select {{ gates.day_number("profile_date", today) }} as day_number
from ({{ gates.days_between(gates.days_before(gates.first_judged(), days), gates.days_before(starts, 1)) }}) as days_before_the_level
{%- endif %}
{% if execute and load_relation(gates.calendar()) %}
union
select {{ gates.day_number("calendar_date", today) }} as day_number
from {{ gates.calendar() }}
where {{ gates.earlier_days("calendar_date", days) }}
{% endif %}
{% endmacro %}

{# The day on which the level of the relation of this test is new, none without such a decision. #}
{% macro new_level_of_test() %}
    {% do return(gates.new_level(gates.relation_name(model)) if execute) %}
{% endmacro %}

{# The days before the run date, those included that an earlier judged day of a window looks back on. #}
{% macro earlier_days(date_column, days) -%}
    {{ date_column }} < {{ gates.date_literal(gates.run_date()) }}
        and {{ date_column }} >= {{ gates.date_literal(gates.days_before(gates.first_judged(), days)) }}
{%- endmacro %}

{# The verdicts of severity error that stand against days of a relation, as run_date: of each gate the verdicts that no later one
   acquits, its own or, where the gate is gone, one of each gate of its scope. condition: on the rows `recorded`; columns: of these
   rows. #}
{% macro rejections(relation, first_day, last_day, condition="1 = 1", columns=["run_date"]) %}
{% set verdicts, selected = gates.verdicts(), [] %}
{% for name in (columns + ["run_date", "recorded_at"]) | unique if name != "gate_id" %}{% do selected.append("recorded." ~ name) %}{% endfor %}
{% set failures %}
    select {{ selected | join(", ") }}, {{ gates.recorded_gate_id("recorded") }} as gate_id
    from {{ verdicts }} as recorded
    where
        recorded.status in ('fail', 'error', 'accepted')
        and recorded.severity = 'error'
        and recorded.relation = {{ gates.literal(relation) }}
        and {{ gates.recorded_gate_id("recorded") }} is not null
        and coalesce(recorded.verdict, 'fail') not in ('pass', 'warn', 'learning')
        and {{ gates.in_dates("recorded.run_date", first_day, last_day) }}
        and {{ condition }}
{% endset %}
select distinct failed.{{ columns | join(", failed.") }}
from ({{ gates.with_successors(failures, relation) }}) as failed
where
    not exists (
        select 1
        from {{ verdicts }} as later
        where
            {{ gates.in_dates("later.run_date", first_day, last_day) }}
            and later.run_date = failed.run_date
            and {{ gates.recorded_gate_id("later") }} in (failed.gate_id, failed.successor_id)
            and later.recorded_at > failed.recorded_at
            and later.status in ('pass', 'warn')
            {# a failure of a gate that only warns by now is no acquittal #}
            and (later.severity = 'error' or later.status = 'pass')
    )
{% endmacro %}

{# Where verdicts on days are read: the ledger, or in a replay by the command `gates` what the gates themselves reject in it; none where
   there is no ledger yet. #}
{% macro verdicts() %}
    {% if gates.is_replay() %}{% do return(gates.scratch_relation("verdicts")) %}{% endif %}
    {% do return(load_relation(gates.ledger())) %}
{% endmacro %}

{% macro is_replay() %}{% do return(gates.is_backtest() and env_var("GATES_SCRATCH", "") != "") %}{% endmacro %}

{# What a replay reads in place of the ledger: for each gate the days that it has rejected so far, a mapping from node_id to days; and where
   it judges only some days, the ledger's own verdicts on the others: recorded_except is a relation of the days that it judges. #}
{% macro replayed_verdicts(rejected, recorded_except=none) %}
{% set text = gates.type_text() %}
{% if recorded_except and load_relation(gates.ledger()) -%}
select run_date, status, recorded_at, node_id, {{ gates.recorded_gate_id("recorded") }} as gate_id, relation, severity, verdict, reason, mode
from {{ gates.ledger() }} as recorded
where run_date not in (select day from {{ recorded_except }})
union all
{% endif -%}
select
    cast(day as date) as run_date,
    cast('fail' as {{ text }}) as status,
    cast(current_timestamp as {{ gates.type_timestamp() }}) as recorded_at,
    cast(gate as {{ text }}) as node_id,
    cast(gate as {{ text }}) as gate_id,
    cast(relation as {{ text }}) as relation,
    cast('error' as {{ text }}) as severity,
    cast('fail' as {{ text }}) as verdict,
    cast(null as {{ text }}) as reason,
    cast('run' as {{ text }}) as mode
from (
    values
    {% for gate, days in rejected.items() %}
    {% set relation = gates.literal(gates.relation_name(graph.nodes[gate])) if days %}
    {% for day in days -%}
    ('{{ day }}', {{ gates.literal(gate) }}, {{ relation }}),
    {% endfor %}{% endfor -%}
    ('1970-01-01', null, null)
) as replayed (day, gate, relation)
where gate is not null
{% endmacro %}

{# The days that the calendar or a person has marked, as run_date; empty where neither has marked any. #}
{% macro marked_days() %}
{% set marked = [] %}
{% if gates.decisions() %}
    {% set relations = "select distinct relation from " ~ gates.decisions() ~ " as mentioned" %}
    {% do marked.append("select day as run_date from (" ~ gates.standing_decisions(relations)
        ~ ") as standing where decision <> 'new level'") %}
{% endif %}
{% if load_relation(gates.calendar()) %}
    {% do marked.append("select calendar_date as run_date from " ~ gates.calendar()) %}
{% endif %}
{% do return(marked | join(" union ")) %}
{% endmacro %}

{# On how many rows the gates of a relation look, day by day until the run date; weight: the column that says for how many
   interactions a row stands. #}
{% macro rows_by_day(relation, date_column, weight=none) %}
select
    cast({{ gates.column(date_column) }} as date) as day,
    {{ gates.row_count(weight) }} as row_count
from {{ relation }}
where {{ gates.column(date_column) }} < {{ gates.date_literal(gates.days_before(gates.run_date(), -1)) }}
group by cast({{ gates.column(date_column) }} as date)
order by 1
{% endmacro %}
