{# Whether a test of dbt_utils is installed. dbt_packages may hold a placeholder of that name, so the macro looks for the
   test itself. While dbt parses, a test sees only the macros that it calls, so each test asks for the one it needs. #}
{% macro has_dbt_utils(test_name) %}
    {% do return(dbt_utils is defined and dbt_utils["test_" ~ test_name] is defined) %}
{% endmacro %}
