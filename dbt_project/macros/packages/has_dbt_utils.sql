{# Whether dbt_utils can be used. A placeholder of that name may be in dbt_packages, so a macro of it is looked for. #}
{% macro has_dbt_utils() %}
    {% do return(dbt_utils is defined and dbt_utils.test_accepted_range is defined) %}
{% endmacro %}
