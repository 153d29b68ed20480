{# How a gate is decided: its query runs once, its rows are kept in this process until the run ends, and dbt is handed their count.

   No table carries the rows, so no other run can replace them, and no setting of dbt's tests (limit, store_failures) has a part in the
   verdict. They are kept in dbt's `graph`, which the tests and the hooks of one invocation share. #}

{# What dbt compiles for a gate. evidence: the query that returns its rows. `dbt compile` and `dbt show` have that alone. #}
{% macro decided(evidence) %}
    {% if not execute or flags.WHICH not in ["test", "build", "retry"] %}{% do return(evidence) %}{% endif %}
    {% if gates.is_dry_run() %}{% do return("select 0 as failures  -- not decided: --empty or --sample") %}{% endif %}
    {% set rows = gates.fetched(gates.with_ephemeral_models(evidence), gates.evidence_columns()) %}
    {% do gates.kept_evidence().rows.update({model.unique_id: rows}) %}
    {% set failures = gates.failures(rows) %}
    {% do gates.keep_last_day(model, failures) %}
    {% do return(gates.decided_sql(evidence, rows, failures)) %}
{% endmacro %}

{# An engine does not run a CTE that nothing reads. #}
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

{# Gates do not decide on a dry run of the schema (`--empty`) nor on a part of the rows (`--sample`). #}
{% macro is_dry_run() %}{% do return(flags.EMPTY or invocation_args_dict.get("sample") is not none) %}{% endmacro %}

{# What rows of evidence mean to dbt: positive when a row fails, negative when rows only warn, zero when all pass or are still learning.
   A gate that returns no row has proven nothing, and what is none of the verdicts is no pass: both fail. #}
{% macro failures(rows) %}
    {% set verdicts = rows | map(attribute="verdict") | list %}
    {% set failed = verdicts | reject("in", ["pass", "warn", "learning"]) | list | length if rows else 1 %}
    {% do return(failed or -(verdicts | select("equalto", "warn") | list | length)) %}
{% endmacro %}

{# The rows of a query as mappings, with each value as the driver has it: a double to the last bit, a text as it is. #}
{% macro fetched(sql, columns) %}
    {% set connection, cursor = adapter.add_query(sql, auto_begin=false) %}
    {% set rows = [] %}
    {% for row in cursor.fetchall() %}{% do rows.append(dict(zip(columns, row))) %}{% endfor %}
    {% do return(rows) %}
{% endmacro %}

{# What this invocation has kept: rows of evidence by the id of the gate. A process may run dbt several times on one graph. #}
{% macro kept_evidence() %}
    {% set kept = graph.setdefault("gates_evidence", {}) %}
    {% for other in kept | list if other != invocation_id %}{% do kept.pop(other, none) %}{% endfor %}
    {% do return(kept.setdefault(invocation_id, {"rows": {}, "last_days": {}})) %}
{% endmacro %}

{# What to do about a day without rows is mostly to ask for another: so the last day that has some is looked up, after the evidence is
   kept, and here, where a query that fails ends this gate and not the hook. #}
{% macro keep_last_day(test_node, failures) %}
    {% set node = gates.tested_node(test_node) %}
    {% if failures > 0 and test_node.test_metadata.name == "row_existence" and node.relation_name %}
        {% set column = gates.column(test_node.test_metadata.kwargs.date_column) %}
        {% set rows = gates.fetched("select max(" ~ column ~ ") from " ~ node.relation_name, ["last_day"]) %}
        {% do gates.kept_evidence().last_days.update({test_node.unique_id: (rows[0].last_day | string)[:10]}) %}
    {% endif %}
{% endmacro %}

{# The query with the ephemeral models that it reads in front. dbt adds them only after it has compiled a test. #}
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

{# Adds an ephemeral model by the name of its CTE, after those that it reads itself. A test may refer to what it depends on only, so
   while the model's code is rendered the test depends on what the model does. #}
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
