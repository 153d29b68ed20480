{# The node that a test looks at: a model, source, seed or snapshot of the graph. Known only when dbt executes. #}
{% macro tested_node(test_node) %}
    {% if test_node.resource_type == "source" %}{% do return(test_node) %}{% endif %}
    {% set named = [test_node.attached_node] if test_node.attached_node else [] %}
    {% for unique_id in named + test_node.depends_on.nodes %}
        {% set node = graph.nodes.get(unique_id) or graph.sources.get(unique_id) %}
        {% if node %}{% do return(node) %}{% endif %}
    {% endfor %}
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

{# Who a gate is, by its id in dbt, for all gates of the project: the relation, the gate and what it looks at, whatever its bounds,
   severity and name. A name tells apart those that look at the same. NULL in the ledger for tests that are no gates. #}
{% macro gate_ids() %}
    {% set ids, names = {}, {} %}
    {% for node in graph.nodes.values() if gates.is_gate(node) %}
        {% set scope = gates.scope(node) %}
        {% do ids.update({node.unique_id: scope}) %}
        {% do names.setdefault(scope, []).append(node.name) %}
    {% endfor %}
    {% for node in graph.nodes.values() if node.unique_id in ids and names[ids[node.unique_id]] | length > 1 %}
        {% do ids.update({node.unique_id: ids[node.unique_id] ~ " as " ~ node.name}) %}
    {% endfor %}
    {% do return(ids) %}
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
