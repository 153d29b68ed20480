{# The node that a test looks at: a model, source, seed or snapshot of the graph; none where that is disabled. Known only when dbt executes. #}
{% macro tested_node(test_node) %}
    {% if test_node.resource_type == "source" %}{% do return(test_node) %}{% endif %}
    {% set named = [test_node.attached_node] if test_node.attached_node else [] %}
    {% for unique_id in named + test_node.depends_on.nodes %}
        {% set node = graph.nodes.get(unique_id) or graph.sources.get(unique_id) %}
        {% if node %}{% do return(node) %}{% endif %}
    {% endfor %}
    {% do return(none) %}
{% endmacro %}

{# What a test looks at, as the ledger names it. #}
{% macro relation_name(test_node) %}
    {% set node = gates.tested_node(test_node) %}
    {% do return(node.schema ~ "." ~ (node.identifier or node.alias) if node else "") %}
{% endmacro %}

{# Whether a test is one of this package's gates. #}
{% macro is_gate(test_node) %}
    {% do return(test_node.resource_type == "test" and test_node.test_metadata is not none
        and test_node.test_metadata.namespace == "gates") %}
{% endmacro %}

{# Whether a test is a gate that judges one day of data at a time. `meta: {gates: {has_days: false}}` in the config of a relation says
   that its dates are none, such as those on which models were evaluated. #}
{% macro judges_days(test_node) %}
    {% if not gates.is_gate(test_node) or test_node.test_metadata.kwargs.get("date_column") is none %}{% do return(false) %}{% endif %}
    {% set node = gates.tested_node(test_node) %}
    {% do return(node is not none and node.config.get("meta", {}).get("gates", {}).get("has_days", true)) %}
{% endmacro %}

{# Who a gate is, by its id in dbt, for all gates of the project: the relation, the gate and what it looks at, whatever its bounds,
   severity and name. A name tells apart those that look at the same, and the id in dbt those of one name. NULL in the ledger for tests that are no gates. #}
{% macro gate_ids() %}
    {% set ids = {} %}
    {% for unique_id, gate in gates.known_gates().items() %}{% do ids.update({unique_id: gate.id}) %}{% endfor %}
    {% do return(ids) %}
{% endmacro %}

{# Each gate of the project by its id in dbt: its id in the ledger, the scope without a name, the relation. Found once in an
   invocation. #}
{% macro known_gates() %}
    {% set kept = gates.kept_evidence() %}
    {% if "known_gates" not in kept %}
        {% set known, same = {}, {} %}
        {% for node in graph.nodes.values() if gates.is_gate(node) %}
            {% set scope = gates.scope(node) %}
            {% do known.update({node.unique_id: {"id": scope, "scope": scope, "relation": gates.relation_name(node)}}) %}
            {% do same.setdefault(scope, []).append(node) %}
        {% endfor %}
        {% for scope, nodes in same.items() if nodes | length > 1 %}
            {% set names = nodes | map(attribute="name") | list %}
            {% for node in nodes %}
                {% set name = node.name if names.count(node.name) == 1 else node.unique_id.split(".", 1)[1] %}
                {% do known[node.unique_id].update({"id": scope ~ gates.named(name)}) %}
            {% endfor %}
        {% endfor %}
        {% do kept.update({"known_gates": known}) %}
    {% endif %}
    {% do return(kept.known_gates) %}
{% endmacro %}

{# What follows the scope in the id of a gate that shares it with another. #}
{% macro named(name) %}{% do return(" as " ~ name) %}{% endmacro %}

{# Failures of gates of a relation, each with the gate that has to pass that day to make up for it: the gate itself; where no gate
   has its id any more, because another of the same scope has come or gone or a name has changed, each gate of that scope.
   failures: a select with gate_id. #}
{% macro with_successors(failures, relation) %}
{% set present, ids, text = [], ["''"], gates.type_text() %}
{% for gate in gates.known_gates().values() if gate.relation == relation %}
    {% do present.append(gate) %}
    {% do ids.append(gates.literal(gate.id)) %}
{% endfor %}
select
    failed.*,
    coalesce(present.gate_id, failed.gate_id) as successor_id
from ({{ failures }}) as failed
left join (
    values
    {% for gate in present -%}
    ({{ gates.literal(gate.id) }}, {{ gates.literal(gate.scope) }}){{ "," if not loop.last }}
    {% else -%}
    (cast(null as {{ text }}), cast(null as {{ text }}))
    {% endfor -%}
) as present (gate_id, scope)
    on failed.gate_id not in ({{ ids | join(", ") }})
    and (
        failed.gate_id = present.scope
        or substr(failed.gate_id, 1, length(present.scope) + {{ gates.named("") | length }}) = present.scope || '{{ gates.named("") }}'
    )
{% endmacro %}

{# The relation, the gate and the rows, columns and expressions that it looks at. #}
{% macro scope(test_node) %}
    {% set arguments, words = test_node.test_metadata.kwargs, [gates.relation_name(test_node), test_node.test_metadata.name] %}
    {% for name in ["column_name", "key", "condition", "expression", "metrics", "segment_column"] if arguments.get(name) %}
        {% set value = arguments[name] %}
        {% do words.append(name ~ "=" ~ (value if value is string else value | map("string") | sort | join(", "))) %}
    {% endfor %}
    {% if test_node.config.where %}{% do words.append("where=" ~ test_node.config.where) %}{% endif %}
    {% do return(words | join(" ")) %}
{% endmacro %}

{# A gate's configuration as one short text: it changes when an argument, the scope or the severity does. #}
{% macro config_hash(test_node) %}
    {% if test_node.resource_type == "source" %}
        {% do return(local_md5(test_node.freshness | string)) %}
    {% endif %}
    {% set metadata = test_node.test_metadata %}
    {% do return(local_md5(tojson([
        metadata.kwargs if metadata else test_node.raw_code,
        test_node.config.where,
        test_node.config.severity | lower,
    ], sort_keys=true))) %}
{% endmacro %}
