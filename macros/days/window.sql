{# Days of the past that the command `gates` judges: the evidence of each gate stands in a scratch table, from which it goes to the ledger. #}

{# Dates as rows of a relation with the column `day`. #}
{% macro list_of_days(days) %}
    {% set rows = [] %}
    {% for day in days %}{% do rows.append("('" ~ day ~ "')") %}{% endfor %}
    {% do return("select cast(day as date) as day from (values " ~ rows | join(", ") ~ ") as listed (day)") %}
{% endmacro %}

{# The days on which the evidence in a scratch table rejects: those that are no reference for the gates of the relation. #}
{% macro days_rejected_by(evidence) %}
select distinct run_date
from {{ evidence }}
where verdict not in ('pass', 'warn', 'learning') and reason <> 'no_reference'
order by run_date
{% endmacro %}

{# Records and seals what the gates have said of the days of a relation `days`; evidence: the scratch table of each gate by its id in
   dbt. Returns the invocation under which the ledger has it. #}
{% macro record_window(evidence, days) %}
    {% set identities, inserts = gates.gate_ids(), [] %}
    {% for unique_id, table in evidence.items() %}
        {% do inserts.append(gates.insert_window_sql(graph.nodes[unique_id], identities[unique_id], table, days)) %}
    {% endfor %}
    {% do gates.keep_sealed(inserts) %}
    {% do return(invocation_id) %}
{% endmacro %}

{# One insert for a gate: its evidence of each day; a day of which it says nothing has proven nothing, and fails.
   The status of a day is what dbt would have called the test. #}
{% macro insert_window_sql(test_node, gate_id, table, days) %}
{% set severity, failing = test_node.config.severity | lower, "verdict not in ('pass', 'warn', 'learning')" %}
{% set known = {
    "node_id": gates.literal(test_node.unique_id), "gate_id": gates.literal(gate_id),
    "relation": gates.literal(gates.relation_name(test_node)), "severity": gates.literal(severity),
    "config_hash": gates.literal(gates.config_hash(test_node)), "mode": "'window'", "status": "status",
} %}
insert into {{ gates.ledger() }} ({{ gates.ledger_columns() | join(", ") }})
select
    {%- for name, type in gates.ledger_columns().items() %}
    {{ name if name in gates.evidence_columns()
        else "cast(" ~ known[name] ~ " as " ~ type ~ ")" if name in known
        else gates.recorded_value(name, type) }} as {{ name }}
    {{- "," if not loop.last }}
    {%- endfor %}
from (
    select
        *,
        case
            when max(case when {{ failing }} then 1 else 0 end) over (partition by run_date) = 1
                then '{{ "warn" if severity == "warn" else "fail" }}'
            when max(case when verdict = 'warn' then 1 else 0 end) over (partition by run_date) = 1 then 'warn'
            else 'pass'
        end as status
    from (
        select
            {%- for name in gates.evidence_columns() %}
            {{ {
                "gate": "coalesce(evidence.gate, '" ~ test_node.test_metadata.name ~ "')",
                "metric": "coalesce(evidence.metric, 'no evidence')",
                "segment": "coalesce(evidence.segment, 'all')",
                "run_date": "days.day",
                "verdict": "coalesce(evidence.verdict, 'fail')",
                "reason": "coalesce(evidence.reason, 'no_current')",
            }.get(name, "evidence." ~ name) }} as {{ name }}
            {{- "," if not loop.last }}
            {%- endfor %}
        from {{ days }} as days
        left join {{ table }} as evidence on days.day = evidence.run_date
    ) as each_day
) as said
{% endmacro %}
