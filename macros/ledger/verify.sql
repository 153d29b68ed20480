{# What the seals say of the ledger: a row for each thing that does not hold, with invocation, gate and day where they are known.
   invocation_ids: of which the rows are asked; all when there is none. The chain of the seals is followed in any case. #}
{% macro broken_seals_sql(invocation_ids=[]) %}
{% set chosen = invocation_ids | map("string") | list %}
{% set literals = [] %}
{% for id in chosen %}{% do literals.append(gates.literal(id)) %}{% endfor %}
{% set only = " in (" ~ literals | join(", ") ~ ")" %}
{% set text = gates.type_text() %}
with found as (
    {% if load_relation(gates.ledger()) -%}
    {{ gates.ledger_lines(literals) }}
    {%- else -%}
    select
        {% for name in ["sealed_as", "invocation_id", "line", "first_day"] -%}
        cast(null as {{ text }}) as {{ name }}{{ "," if not loop.last }}
        {% endfor -%}
    where 1 = 0
    {%- endif %}
),

told as (
    select
        invocation_id as sealed_as,
        {{ gates.each_line("lines") }} as line
    from {{ gates.seals() }}
    where
        kind in ('run', 'before')
        and lines <> ''
        {% if literals -%}
        and (invocation_id {{ only }} or kind = 'before')
        {%- endif %}
),

sealed as (
    select
        sealed_as,
        case when sealed_as = 'before sealing' then split_part(line, ' ', 5) else sealed_as end as invocation_id,
        line
    from told
),

closed as (
    select invocation_id from sealed
    union
    select invocation_id from {{ gates.seals() }} where kind = 'run'
),

pruned as (
    select {{ gates.each_line("lines") }} as pruned_id
    from {{ gates.seals() }}
    where kind = 'pruned' and lines <> ''
),

chained as (
    select
        seals.*,
        {{ gates.seal_sha256() }} as seal_now,
        {{ gates.sha256("lines") }} as lines_sha256,
        lag(seal, 1, '') over (order by seal_number) as seal_before,
        lag(seal_number, 1, 0) over (order by seal_number) as number_before
    from {{ gates.seals() }} as seals
),

linked as (
    -- a NULL is a value that no seal has, so it is compared as one
    select
        *,
        number_before + 1 is distinct from seal_number or seal_before is distinct from previous_seal as is_out_of_chain
    from chained
),

broken as (
    select
        found.invocation_id,
        split_part(found.line, ' ', 4) as gate,
        case when closed.invocation_id is null then found.first_day else split_part(found.line, ' ', 3) end as run_date,
        case
            when closed.invocation_id is null then {{ gates.literal(gates.unsealed_problem()) }}
            else 'rows were added or changed after the seal'
        end as problem
    from found
    left join sealed on found.sealed_as = sealed.sealed_as and found.line = sealed.line
    left join closed on found.invocation_id = closed.invocation_id
    where sealed.line is null
    union all
    select
        sealed.invocation_id,
        split_part(sealed.line, ' ', 4) as gate,
        split_part(sealed.line, ' ', 3) as run_date,
        'rows that were sealed are gone or changed' as problem
    from sealed
    left join found on sealed.sealed_as = found.sealed_as and sealed.line = found.line
    left join pruned on sealed.invocation_id = pruned.pruned_id
    where
        found.line is null
        and pruned.pruned_id is null
        {% if literals -%}
        and sealed.invocation_id {{ only }}
        {%- endif %}
    union all
    select
        linked.invocation_id,
        '-' as gate,
        '-' as run_date,
        case
            when is_out_of_chain then 'the seal before it is gone or changed'
            when seal_now is distinct from seal then 'the seal was changed'
            else 'the lines of the seal were changed'
        end as problem
    from linked
    left join pruned on linked.invocation_id = pruned.pruned_id
    where
        is_out_of_chain
        or seal_now is distinct from seal
        or (lines_sha256 is distinct from rows_sha256 and (pruned.pruned_id is null or lines is distinct from ''))
    union all
    {{ gates.broken_decisions_sql() }}
)

select distinct * from broken order by invocation_id, gate, run_date, problem
{% endmacro %}

{# What is said of rows whose invocation has no seal. #}
{% macro unsealed_problem() %}
    {% do return("no seal closes these rows: their run was killed, they were inserted by hand, or the seal was removed. They prove"
        ~ " nothing. Build that day again, then delete the rows of this invocation") %}
{% endmacro %}

{# dbt run-operation verify_gate_results: fails, and names each invocation, gate and day of the ledger that is not as it was sealed. #}
{% macro verify_gate_results() %}
    {% if execute %}
        {% set columns = ["invocation_id", "gate", "run_date", "problem"] %}
        {% set broken = gates.fetched(gates.broken_seals_sql(), columns) if load_relation(gates.seals())
            else [dict(zip(columns, ["-", "-", "-", "there are no seals"]))] %}
        {% for row in broken %}
            {% do log("invocation " ~ row.invocation_id ~ ", gate " ~ row.gate ~ ", day " ~ row.run_date ~ ": " ~ row.problem, info=true) %}
        {% endfor %}
        {% if broken %}
            {% do exceptions.raise_compiler_error("gates: the ledger is not as it was sealed: " ~ broken | length ~ " findings, above") %}
        {% endif %}
        {% do log("the ledger is as it was sealed", info=true) %}
    {% endif %}
{% endmacro %}
