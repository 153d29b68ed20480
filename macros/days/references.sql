{# Days that never serve as a reference: those on which this gate has failed, and those that the calendar or a person
   (an accepted incident in the ledger) has marked. Empty where neither table exists yet. #}
{% macro rejected_days() %}
{% set today = gates.run_date() %}
{% set decisions = gates.decisions() if execute %}
{% if decisions %}
select distinct {{ gates.day_number("run_date", today) }} as day_number
from (
    select
        run_date,
        status,
        rank() over (partition by run_date, node_id order by recorded_at desc) as recency
    from {{ decisions }}
    where
        node_id in ({{ gates.literal(model.unique_id) }}, {{ gates.literal(gates.accepted_incident()) }})
        and run_date < {{ gates.date_literal(today) }}
) as decided
where recency = 1 and status in ('fail', 'error', 'accepted')
{% else %}
select 0 as day_number where 1 = 0
{% endif %}
{% if execute and load_relation(gates.calendar()) %}
union
select {{ gates.day_number("calendar_date", today) }} as day_number
from {{ gates.calendar() }}
where calendar_date < {{ gates.date_literal(today) }}
{% endif %}
{% endmacro %}

{# What says which days were rejected or accepted: the ledger, or in a replay by the command `gates` what the gates themselves
   reject in it; none where there is no ledger yet. #}
{% macro decisions() %}
    {% if gates.is_backtest() and env_var("GATES_SCRATCH", "") %}
        {% do return(gates.scratch_relation("decisions")) %}
    {% endif %}
    {% do return(load_relation(gates.ledger())) %}
{% endmacro %}

{# What a replay reads in place of the ledger: the days that a person has accepted, and for each gate those that it has rejected so
   far; rejected is a mapping from node_id to days. #}
{% macro replayed_decisions(rejected) %}
{% set text = gates.type_text() %}
{% if load_relation(gates.ledger()) -%}
select
    run_date,
    cast(status as {{ text }}) as status,
    cast(recorded_at as {{ gates.type_timestamp() }}) as recorded_at,
    cast(node_id as {{ text }}) as node_id
from {{ gates.ledger() }}
where node_id = {{ gates.literal(gates.accepted_incident()) }}
union all
{% endif -%}
select
    cast(day as date) as run_date,
    cast('fail' as {{ text }}) as status,
    cast(current_timestamp as {{ gates.type_timestamp() }}) as recorded_at,
    cast(gate as {{ text }}) as node_id
from (
    values
    {% for gate, days in rejected.items() %}{% for day in days -%}
    ('{{ day }}', {{ gates.literal(gate) }}),
    {% endfor %}{% endfor -%}
    ('1970-01-01', null)
) as replayed (day, gate)
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
