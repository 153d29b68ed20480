{# Tests of the package dbt_utils. They are off if it could not be installed. dbt_utils_installed then warns in each run,
   so that a check that is off does not look like a check that passed. Separate gates also check grain and label. #}

{% test unique_combination(model, columns) %}
    {% set installed = has_dbt_utils("unique_combination_of_columns") %}
    {{ config(enabled=installed) }}
    {% if installed %}
        {{ dbt_utils.test_unique_combination_of_columns(model, combination_of_columns=columns) }}
    {% endif %}
{% endtest %}

{% test accepted_range(model, column_name, min_value=none, max_value=none) %}
    {% set installed = has_dbt_utils("accepted_range") %}
    {{ config(enabled=installed) }}
    {% if installed %}
        {{ dbt_utils.test_accepted_range(model, column_name, min_value=min_value, max_value=max_value) }}
    {% endif %}
{% endtest %}

{% test dbt_utils_installed(model) %}
    {{ config(severity="warn") }}
    {% set message = "dbt_utils is not installed: the tests unique_combination and accepted_range are off" %}
    {% set installed = has_dbt_utils("unique_combination_of_columns") and has_dbt_utils("accepted_range") %}
    {% if execute and not installed %}
        {% set next_step = "Run `training-pipeline packages` once the dbt hub can be reached." %}
        {% do log("WARNING " ~ message ~ ". " ~ next_step, info=true) %}
    {% endif %}
    select '{{ message }}' as problem
    {% if installed %}where 1 = 0{% endif %}
{% endtest %}
