{# Return the rows that have a NULL in any column. #}
{% test complete_columns(model) %}
    {% set columns = adapter.get_columns_in_relation(model) | map(attribute="quoted") if execute else ["*"] %}
    select *
    from {{ model }}
    where {{ columns | join(" is null or ") }} is null
{% endtest %}
