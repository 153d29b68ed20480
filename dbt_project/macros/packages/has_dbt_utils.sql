{# Whether a test of dbt_utils can be used. A placeholder of that name may be in dbt_packages, so the test itself is
   looked for. While dbt parses, a test sees only the macros that it calls: hence each asks for its own. #}
{% macro has_dbt_utils(test_name) %}
    {% do return(dbt_utils is defined and dbt_utils["test_" ~ test_name] is defined) %}
{% endmacro %}
