{# Days that never serve a gate as a reference. On these a gate of severity error has failed that looks at the same relation, whichever
   it was and whatever it is called now, until the same gate judges the day again and passes. A failure for want of a reference says nothing about
   the day. The others are those that the calendar or a person (an accepted incident in the ledger) has marked. Empty where neither
   table exists yet. days: how far back the gate looks before the first day that it judges, so that the cost does not grow with the ledger. #}
{% macro rejected_days(days) %}
{% set today, decisions = gates.run_date(), gates.decisions() if execute %}
{% set within = gates.earlier_days("run_date", days) %}
{% if decisions -%}
{% set relation = gates.relation_name(model) %}
{% set failures %}
    select run_date, recorded_at, {{ gates.recorded_gate_id("recorded") }} as gate_id
    from {{ decisions }} as recorded
    where
        status in ('fail', 'error')
        and severity = 'error'
        and relation = {{ gates.literal(relation) }}
        and {{ gates.recorded_gate_id("recorded") }} is not null
        and coalesce(reason, '') <> 'no_reference'
        and coalesce(verdict, 'fail') not in ('pass', 'warn', 'learning')
        and {{ within }}
{% endset %}
select {{ gates.day_number("run_date", today) }} as day_number
from ({{ gates.with_successors(failures, relation) }}) as failed
where
    not exists (
        select 1
        from {{ decisions }} as later
        where
            {{ gates.earlier_days("later.run_date", days) }}
            and later.run_date = failed.run_date
            and {{ gates.recorded_gate_id("later") }} in (failed.gate_id, failed.successor_id)
            and later.recorded_at > failed.recorded_at
            and later.status in ('pass', 'warn')
            {# a failure of a gate that only warns by now is no acquittal #}
            and (later.severity = 'error' or later.status = 'pass')
    )
union
select {{ gates.day_number("run_date", today) }} as day_number
from {{ decisions }}
where
    status = 'accepted'
    and node_id = {{ gates.literal(gates.accepted_incident()) }}
    and {{ within }}
{% else %}
select 0 as day_number where 1 = 0
{% endif %}
{% if execute and load_relation(gates.calendar()) %}
union
select {{ gates.day_number("calendar_date", today) }} as day_number
from {{ gates.calendar() }}
where {{ gates.earlier_days("calendar_date", days) }}
{% endif %}
{% endmacro %}

{# The days before the run date, those included that an earlier judged day of a window looks back on. #}
{% macro earlier_days(date_column, days) -%}
    {{ date_column }} < {{ gates.date_literal(gates.run_date()) }}
        and {{ date_column }} >= {{ gates.date_literal(gates.days_before(gates.first_judged(), days)) }}
{%- endmacro %}

{# What says which days were rejected or accepted: the ledger, or in a replay by the command `gates` what the gates themselves
   reject in it; none where there is no ledger yet. #}
{% macro decisions() %}
    {% if gates.is_replay() %}{% do return(gates.scratch_relation("decisions")) %}{% endif %}
    {% do return(load_relation(gates.ledger())) %}
{% endmacro %}

{% macro is_replay() %}{% do return(gates.is_backtest() and env_var("GATES_SCRATCH", "") != "") %}{% endmacro %}

{# What a replay reads in place of the ledger: the days that a person has accepted, and for each gate those that it has rejected so
   far; rejected is a mapping from node_id to days. #}
{% macro replayed_decisions(rejected) %}
{% set text = gates.type_text() %}
{% if load_relation(gates.ledger()) -%}
select
    run_date,
    cast(status as {{ text }}) as status,
    cast(recorded_at as {{ gates.type_timestamp() }}) as recorded_at,
    cast(node_id as {{ text }}) as node_id,
    cast(null as {{ text }}) as gate_id,
    cast(null as {{ text }}) as relation,
    cast(null as {{ text }}) as severity,
    cast(null as {{ text }}) as verdict,
    cast(reason as {{ text }}) as reason,
    cast('run' as {{ text }}) as mode
from {{ gates.ledger() }}
where node_id = {{ gates.literal(gates.accepted_incident()) }}
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

{# The days that the calendar or a person has marked, as run_date; empty where neither table exists. #}
{% macro marked_days() %}
{% set marked = [] %}
{% if load_relation(gates.ledger()) %}
    {% do marked.append("select run_date from " ~ gates.ledger() ~ " where node_id = "
        ~ gates.literal(gates.accepted_incident())) %}
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
