{# Days that never serve as a reference: those on which this gate has failed, and those that the calendar or a person
   (an accepted incident in the ledger) has marked. Empty where neither table exists yet. #}
{% macro rejected_days() %}
{% set today = gates.run_date() %}
{% if execute and load_relation(gates.ledger()) %}
select distinct {{ gates.day_number("run_date", today) }} as day_number
from (
    select
        run_date,
        status,
        rank() over (partition by run_date, node_id order by recorded_at desc) as recency
    from {{ gates.ledger() }}
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
