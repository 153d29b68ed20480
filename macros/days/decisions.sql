{# What people have decided about days: the append-only table `gate_decisions` beside the ledger, a row for each day and decision.
   relation: which relation the decision is about, '' for each (only decisions that an older ledger held); content: the hash of the rows
   that were decided about, where the relation keeps one (macros/profile/content.sql). A seal of the ledger's chain closes each call. #}

{% macro decision_columns() %}
    {% set text = gates.type_text() %}
    {% do return({
        "decision_id": "bigint", "relation": text, "day": "date", "decision": text, "why": text, "who": text, "content": text,
        "invocation_id": text, "recorded_at": gates.type_timestamp(),
    }) %}
{% endmacro %}

{# What may be decided about a day. `undo` takes back all that was decided about it. #}
{% macro decision_kinds() %}{% do return(["known", "accepted", "excluded", "new level", "undo"]) %}{% endmacro %}

{% macro decisions_table() %}{% do return(gates.ledger().incorporate(path={"identifier": "gate_decisions"})) %}{% endmacro %}

{# The decisions as SQL reads them: the table, the accepted incidents of an older ledger until a run has made the table, or none. #}
{% macro decisions() %}
    {% if not execute %}{% do return(none) %}{% endif %}
    {% set kept = gates.kept_evidence() %}
    {% if "decisions" not in kept %}
        {% set found = load_relation(gates.decisions_table()) %}
        {% if not found and load_relation(gates.ledger()) %}
            {% set found = "(select " ~ gates.decision_columns() | join(", ") ~ " from (" ~ gates.accepted_incidents() ~ ") as incidents)" %}
        {% endif %}
        {% do kept.update({"decisions": found or ""}) %}
    {% endif %}
    {% do return(kept.decisions or none) %}
{% endmacro %}

{# The same for SQL that has to read something where there are none. #}
{% macro all_decisions() %}
    {% if gates.decisions() %}{% do return(gates.decisions()) %}{% endif %}
    {% set columns = [] %}
    {% for name, type in gates.decision_columns().items() %}{% do columns.append("cast(null as " ~ type ~ ") as " ~ name) %}{% endfor %}
    {% do return("(select " ~ columns | join(", ") ~ " where 1 = 0)") %}
{% endmacro %}

{# What a ledger from before this table has of decisions: accepted incidents, among its evidence. #}
{% macro accepted_incidents() %}
select
    row_number() over (order by recorded_at, run_date) as decision_id,
    '' as relation,
    run_date as day,
    'accepted' as decision,
    metric as why,
    current_value as who,
    cast(null as {{ gates.type_text() }}) as content,
    invocation_id,
    recorded_at
from {{ gates.ledger() }}
where node_id = {{ gates.literal(gates.accepted_incident()) }} and status = 'accepted'
{% endmacro %}

{# The last decision about each day of each relation, unless it was taken back; relations: a select of `relation`. #}
{% macro standing_decisions(relations, condition="1 = 1") %}
select relation, day, decision, why, who, content, recorded_at
from (
    select
        targets.relation,
        decided.day,
        decided.decision,
        decided.why,
        decided.who,
        decided.content,
        decided.recorded_at,
        row_number() over (partition by targets.relation, decided.day order by decided.decision_id desc) as age
    from ({{ relations }}) as targets
    inner join {{ gates.all_decisions() }} as decided on decided.relation in ('', targets.relation)
    where {{ condition }}
) as latest
where age = 1 and decision <> 'undo'
{% endmacro %}

{# The days whose rows are not trained on, as a list of dates: those that are excluded for any relation. #}
{% macro excluded_days() %}
    {% if not execute or not gates.decisions() %}{% do return([]) %}{% endif %}
    {% set kept = gates.kept_evidence() %}
    {% if "excluded" not in kept %}
        {% set relations = "select distinct relation from " ~ gates.decisions() ~ " as mentioned" %}
        {% set sql = "select distinct day from (" ~ gates.standing_decisions(relations) ~ ") as standing where decision = 'excluded' order by day" %}
        {% do kept.update({"excluded": gates.fetched(sql, ["day"]) | map(attribute="day") | list}) %}
    {% endif %}
    {% do return(kept.excluded) %}
{% endmacro %}

{# The day from which on the level of a relation is new, on or before the run date; none where there is none. #}
{% macro new_level(relation) %}
    {% if not execute or not gates.decisions() %}{% do return(none) %}{% endif %}
    {% set kept, name = gates.kept_evidence().setdefault("new_levels", {}), relation ~ " " ~ gates.run_date() %}
    {% if name not in kept %}
        {% set sql %}
            select max(day) from ({{ gates.standing_decisions("select " ~ gates.literal(relation) ~ " as relation") }}) as standing
            where decision = 'new level' and day <= {{ gates.date_literal(gates.run_date()) }}
        {% endset %}
        {% do kept.update({name: gates.fetched(sql, ["day"])[0].day}) %}
    {% endif %}
    {% do return(kept[name]) %}
{% endmacro %}

{# Their number and a hash over them. #}
{% macro version_of_excluded_days() %}
    {% set days = gates.excluded_days() | map("string") | list %}
    {% do return(days | length ~ ":" ~ local_md5(days | join(" "))) %}
{% endmacro %}

{# A condition on rows that may be trained on. #}
{% macro is_trained_on(date_column) -%}
    {% set listed = [] -%}
    {% for day in gates.excluded_days() %}{% do listed.append(gates.date_literal(day)) %}{% endfor -%}
    {{ "cast(" ~ gates.column(date_column) ~ " as date) not in (" ~ listed | join(", ") ~ ")" if listed else "1 = 1" }}
{%- endmacro %}

{# The days from which on a level is new, of any relation, as SQL; none where nobody has decided anything. #}
{% macro new_level_days() %}
    {% if not gates.decisions() %}{% do return(none) %}{% endif %}
    {% set relations = "select distinct relation from " ~ gates.decisions() ~ " as mentioned" %}
    {% do return("select distinct day from (" ~ gates.standing_decisions(relations) ~ ") as standing where decision = 'new level'") %}
{% endmacro %}

{# Whether somebody has decided about the day that a gate judges: its failure is recorded, and does not stop the run. Where the relation
   keeps the content of a day, only about the rows that were decided about; rows: the evidence. #}
{% macro is_decided_day(test_node, rows) %}
    {% if not gates.judges_days(test_node) or not gates.decisions() %}{% do return(false) %}{% endif %}
    {% set standing = gates.standing_decisions(
        "select " ~ gates.literal(gates.relation_name(test_node)) ~ " as relation",
        "decided.day = " ~ gates.date_literal(gates.run_date())
    ) %}
    {% for decided in gates.fetched("select decision, content from (" ~ standing ~ ") as standing", ["decision", "content"]) %}
        {% set contents = rows | map(attribute="subject_version") | unique | list %}
        {% if decided.decision == "excluded" or not decided.content or contents == [decided.content] %}{% do return(true) %}{% endif %}
    {% endfor %}
    {% do return(false) %}
{% endmacro %}

{# dbt run-operation gates.decide --args '{days: [2026-11-20, 2026-11-23..2026-11-25], decision: known, why: a fair in town, who: ada}':
   from now on the decision stands for these days of the relations (all whose gates judge days, where none is named), until another
   one. Verdicts stay what they were. #}
{% macro decide(days, decision, why, who, relations=[]) %}
    {% if decision not in gates.decision_kinds() %}
        {% do exceptions.raise_compiler_error("gates.decide: decision must be one of " ~ gates.decision_kinds() | join(", ")
            ~ "; received " ~ tojson(decision)) %}
    {% endif %}
    {% for name, value in {"why": why, "who": who}.items() if value is not string or not value | trim %}
        {% do exceptions.raise_compiler_error("gates.decide: " ~ name ~ " must be a text that is not empty; received " ~ tojson(value)) %}
    {% endfor %}
    {% set chosen = gates.parsed_days(days) %}
    {% if not execute %}{% do return("") %}{% endif %}
    {% set judged = gates.judged_relations() %}
    {% for relation in relations if relation not in judged %}
        {% do exceptions.raise_compiler_error("gates.decide: relations must be among those whose gates judge days, which are "
            ~ judged | join(", ") ~ "; received " ~ tojson(relation)) %}
    {% endfor %}
    {% do gates.keep_sealed(
        [gates.insert_decisions_sql(chosen, relations or judged, decision, why, who)],
        gates.seal_decisions_sql("decided.invocation_id = " ~ gates.literal(invocation_id))
    ) %}
{% endmacro %}

{# The relations whose gates judge days, as the ledger names them. #}
{% macro judged_relations() %}
    {% set names = [] %}
    {% for test_node in graph.nodes.values() if gates.judges_days(test_node) %}{% do names.append(gates.relation_name(test_node)) %}{% endfor %}
    {% do return(names | unique | sort) %}
{% endmacro %}

{# Days and ranges of days as a list of dates, without repetition, in order. #}
{% macro parsed_days(days) %}
    {% set remedy, found = "Pass --args '{days: [2026-11-20, 2026-11-23..2026-11-25], …}'.", [] %}
    {% for part in ([days] if days is string or days is not iterable else days) %}
        {% set ends = (part | string).split("..") %}
        {% set first, last = gates.parsed_day("days", ends[0], remedy), gates.parsed_day("days", ends[-1], remedy) %}
        {% if ends | length > 2 or last < first %}
            {% do exceptions.raise_compiler_error(
                "gates: days must be days or ranges from an earlier to a later day; received " ~ tojson(part | string) ~ ". " ~ remedy) %}
        {% endif %}
        {% for number in range((last - first).days + 1) %}{% do found.append(gates.days_before(first, -number)) %}{% endfor %}
    {% endfor %}
    {% do return(found | unique | sort) %}
{% endmacro %}

{% macro insert_decisions_sql(days, relations, decision, why, who) %}
{% set text, pairs = gates.type_text(), [] %}
{% for relation in relations %}
    {% for day in days %}{% do pairs.append("(" ~ gates.literal(relation) ~ ", " ~ gates.date_literal(day) ~ ")") %}{% endfor %}
{% endfor %}
insert into {{ gates.decisions_table() }} ({{ gates.decision_columns() | join(", ") }})
select
    cast(coalesce((select max(decision_id) from {{ gates.decisions_table() }}), 0)
        + row_number() over (order by decided.relation, decided.day) as bigint) as decision_id,
    decided.relation,
    decided.day,
    cast({{ gates.literal(decision) }} as {{ text }}) as decision,
    cast({{ gates.literal(why) }} as {{ text }}) as why,
    cast({{ gates.literal(who) }} as {{ text }}) as who,
    contents.content,
    cast({{ gates.literal(invocation_id) }} as {{ text }}) as invocation_id,
    current_timestamp as recorded_at
from (values {{ pairs | join(", ") }}) as decided (relation, day)
left join ({{ gates.contents(days | first, days | last) }}) as contents
    on decided.relation = contents.relation and decided.day = contents.day
{% endmacro %}

{# A seal over some of the decisions, those that none covers yet. #}
{% macro seal_decisions_sql(which, condition="1 = 1") %}
    {% set lines = "select line, 1 as row_count from (" ~ gates.decision_lines(which) ~ ") as recorded where line not in (select line from ("
        ~ gates.sealed_decision_lines() ~ ") as sealed)" %}
    {% do return(gates.append_seal_sql(invocation_id, "decision", lines, condition)) %}
{% endmacro %}

{# The line that a seal holds of a decision: its number, its day, a hash over all its columns. #}
{% macro decision_lines(which="1 = 1") %}
select
    decided.invocation_id,
    {{ gates.joined([
        "cast(decided.decision_id as " ~ gates.type_text() ~ ")", gates.canonical("decided.day", "date"),
        gates.row_sha256("decided", gates.decision_columns()),
    ]) }} as line
from {{ gates.decisions_table() }} as decided
where {{ which }}
{% endmacro %}

{% macro sealed_decision_lines() %}
select invocation_id, {{ gates.each_line("lines") }} as line
from {{ gates.seals() }}
where kind = 'decision' and lines <> ''
{% endmacro %}

{# Decisions that were added, changed or removed after they were sealed, as rows of `gates.broken_seals_sql`: all that were sealed where
   their table is gone. A decision that stands there twice was added once. #}
{% macro broken_decisions_sql() %}
{% set text = gates.type_text() %}
{% set nothing = "select cast(null as " ~ text ~ ") as invocation_id, cast(null as " ~ text ~ ") as line where 1 = 0" %}
{% set recorded, sealed = gates.decision_lines() if load_relation(gates.decisions_table()) else nothing, gates.sealed_decision_lines() %}
{% set numbered = "select *, row_number() over (partition by line order by invocation_id) as copy_number from " %}
{% for found, expected, problem in [
    (recorded, sealed, "a decision about the day was added or changed after the seal"),
    (sealed, recorded, "a decision about the day that was sealed is gone or changed"),
] -%}
select
    found.invocation_id,
    'decision' as gate,
    split_part(found.line, ' ', 2) as run_date,
    '{{ problem }}' as problem
from ({{ numbered }}({{ found }}) as lines_found) as found
left join ({{ numbered }}({{ expected }}) as lines_expected) as expected
    on found.line = expected.line and found.copy_number = expected.copy_number
where expected.line is null
{{ "union all" if not loop.last }}
{% endfor %}
{% endmacro %}
