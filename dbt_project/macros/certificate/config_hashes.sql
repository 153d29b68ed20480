{# The hash of every test's present configuration, by its id. #}
{% macro config_hashes() %}
    {% set hashes = {} %}
    {% for node in graph.nodes.values() if node.resource_type == "test" %}
        {% do hashes.update({node.unique_id: gates.config_hash(node)}) %}
    {% endfor %}
    {% do return(hashes) %}
{% endmacro %}
