{# How a gate is decided: its query runs once, the process keeps the rows until the run ends, and dbt receives the number of failures.

   No table carries the rows, so no other run can replace them, and no setting of dbt's tests (limit, store_failures) changes the
   verdict. They are kept in dbt's `graph`, which the tests and the hooks of one invocation share. #}

{# The SQL that dbt compiles for a gate. answer: the query that returns its rows; `dbt compile` and `dbt show` receive only this query.
   relation: what the gate judges; args: its arguments. #}
{% macro decided(answer, relation, args) %}
    {% set evidence = answer if not execute else gates.with_version(answer, relation, args) if args.version else gates.with_content(answer) %}
    {% if not execute or flags.WHICH not in ["test", "build", "retry"] %}{% do return(evidence) %}{% endif %}
    {% if gates.is_dry_run() %}{% do return("select 0 as failures  -- not decided: --empty or --sample") %}{% endif %}
    {% do gates.refuse_deferred(model, relation) %}
    {% do gates.refuse_day_that_is_no_date(model, relation) %}
    {% set rows = gates.fetched(gates.with_ephemeral_models(evidence), gates.evidence_columns()) %}
    {% do gates.kept_evidence().rows.update({model.unique_id: rows}) %}
    {% set failures = gates.failures(rows) %}
    {% do gates.keep_last_day(model, rows) %}
    {% if failures > 0 and not gates.is_backtest() and gates.is_decided_day(model, rows) %}
        {% do gates.kept_evidence().decided.append(model.unique_id) %}
        {% set failures = -failures %}
    {% endif %}
    {% do return(gates.decided_sql(evidence, rows, failures)) %}
{% endmacro %}

{# The count as a select, with the query in a CTE for people who want to run it. No engine runs a CTE that nothing reads. #}
{% macro decided_sql(evidence, rows, failures) %}
-- This gate has run: it returned {{ rows | length }} rows, which are in the ledger. To run it again, select from asked_again.
with asked_again as (
    {{ evidence }}
),

decided as (
    select {{ failures }} as failures
)

select * from decided
{% endmacro %}

{# Whether dbt builds the schema without rows (`--empty`) or with a part of them (`--sample`): then gates do not decide. #}
{% macro is_dry_run() %}{% do return(flags.EMPTY or invocation_args_dict.get("sample") is not none) %}{% endmacro %}

{# Refuses the rows of another schema, which dbt hands over with `--defer` where the relation is not built in this one: what they say would
   be recorded about this one. test_node: a gate. #}
{% macro refuse_deferred(test_node, relation) %}
    {% set node = gates.tested_node(test_node) %}
    {% if invocation_args_dict.get("defer") and node.relation_name and node.relation_name not in relation | string %}
        {% do gates.refuse(
            test_node.test_metadata.name, "model", "built in the schema of the target, " ~ node.relation_name, relation | string,
            hint="Build it there first, or run dbt without --defer: a gate does not judge another schema."
        ) %}
    {% endif %}
{% endmacro %}

{# The number that dbt takes for failures: positive when a row fails, negative when rows only warn, zero when all pass or are learning.
   A gate that returns no row has proven nothing, and an unknown verdict is no pass: both fail. #}
{% macro failures(rows) %}
    {% set verdicts = rows | map(attribute="verdict") | list %}
    {% set failed = verdicts | reject("in", ["pass", "warn", "learning"]) | list | length if rows else 1 %}
    {% do return(failed or -(verdicts | select("equalto", "warn") | list | length)) %}
{% endmacro %}

{# The rows of a query as mappings, with each value as the driver returns it: a double with all its bits, a text unchanged. #}
{% macro fetched(sql, columns) %}
    {% set connection, cursor = adapter.add_query(sql, auto_begin=false) %}
    {% set rows = [] %}
    {% for row in cursor.fetchall() %}{% do rows.append(dict(zip(columns, row))) %}{% endfor %}
    {% do return(rows) %}
{% endmacro %}

{# What this invocation has kept: rows of evidence by the id of the gate. A process may run dbt several times with one graph, so the
   rows of other invocations are removed. #}
{% macro kept_evidence() %}
    {% set kept = graph.setdefault("gates_evidence", {}) %}
    {% for other in kept | list if other != invocation_id %}{% do kept.pop(other, none) %}{% endfor %}
    {% do return(kept.setdefault(invocation_id, {"rows": {}, "last_days": {}, "decided": []})) %}
{% endmacro %}

{# Looks up the last day that has rows when a `row_existence` gate finds none on its day, because people then mostly ask for that day.
   It is done here, after the evidence is kept, because a failing query ends this gate, while in the hook it would end the recording. #}
{% macro keep_last_day(test_node, rows) %}
    {% set node = gates.tested_node(test_node) %}
    {% set is_empty = not rows | rejectattr("reason", "equalto", "no_current") | list %}
    {% if is_empty and test_node.test_metadata.name == "row_existence" and node.relation_name %}
        {% set column = gates.column(test_node.test_metadata.kwargs.date_column) %}
        {% set found = gates.fetched("select max(" ~ column ~ ") from " ~ node.relation_name, ["last_day"]) %}
        {% do gates.kept_evidence().last_days.update({test_node.unique_id: (found[0].last_day | string)[:10]}) %}
    {% endif %}
{% endmacro %}

{# The query with the ephemeral models that it reads as CTEs before it. dbt itself adds them only after it has compiled a test. #}
{% macro with_ephemeral_models(evidence) %}
    {% set models = {} %}
    {% for unique_id in model.depends_on.nodes if graph.nodes.get(unique_id, {}).get("config", {}).get("materialized") == "ephemeral" %}
        {% do gates.add_ephemeral_model(unique_id, models) %}
    {% endfor %}
    {% if not models %}{% do return(evidence) %}{% endif %}
    {% set ctes = [] %}
    {% for name, sql in models.items() %}{% do ctes.append(name ~ " as (" ~ sql ~ ")") %}{% endfor %}
    {% do return("with " ~ ctes | join(", ") ~ " select * from (" ~ evidence ~ ") as evidence") %}
{% endmacro %}

{# Adds an ephemeral model by the name of its CTE, after the ephemeral models that it reads. dbt lets a test refer only to what it
   depends on, so the test depends on the parents of the model while its code is rendered. #}
{% macro add_ephemeral_model(unique_id, models) %}
    {% set node, allowed = graph.nodes[unique_id], ref.model.depends_on.nodes %}
    {% for parent in node.depends_on.nodes if graph.nodes.get(parent, {}).get("config", {}).get("materialized") == "ephemeral" %}
        {% do gates.add_ephemeral_model(parent, models) %}
    {% endfor %}
    {% set added = node.depends_on.nodes | reject("in", allowed) | list %}
    {% do allowed.extend(added) %}
    {% do models.update({"__dbt__cte__" ~ node.alias: render(node.raw_code)}) %}
    {% for parent in added %}{% do allowed.remove(parent) %}{% endfor %}
{% endmacro %}
