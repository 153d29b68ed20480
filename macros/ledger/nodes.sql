{# The node that a test looks at: a model, source, seed or snapshot of the graph. Known only when dbt executes. #}
{% macro tested_node(test_node) %}
    {% if test_node.resource_type == "source" %}{% do return(test_node) %}{% endif %}
    {% set named = [test_node.attached_node] if test_node.attached_node else [] %}
    {% for unique_id in named + test_node.depends_on.nodes %}
        {% set node = graph.nodes.get(unique_id) or graph.sources.get(unique_id) %}
        {% if node %}{% do return(node) %}{% endif %}
    {% endfor %}
{% endmacro %}

{# Whether a test is one of this package's gates. #}
{% macro is_gate(test_node) %}
    {% do return(test_node.resource_type == "test" and test_node.test_metadata is not none
        and test_node.test_metadata.namespace == "gates") %}
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
