{# The `loaded_at_query` of a source with a day column. dbt compares the selected instant with its clock, so this selects the clock minus
   the days from the last day with rows to the run date. The age is then the age of the data on the run date, whenever dbt runs. Rows
   after the run date do not count; without any row dbt takes the source for infinitely old. #}
{% macro loaded_at(relation, date_column) %}
{% set today = gates.run_date() %}
{% set seconds = "86400 * " ~ gates.day_number("last_day", today) %}
select {{ dbt.dateadd("second", seconds, dbt.current_timestamp()) }} as loaded_at
from (
    select max({{ gates.column(date_column) }}) as last_day
    from {{ relation }}
    where {{ gates.column(date_column) }} < {{ gates.date_literal(gates.days_before(today, -1)) }}
) as latest
{% endmacro %}

{# How a test ended, in the words of a test. Of a source, dbt calls an age beyond `error_after` an error, and what crashed a
   runtime error. #}
{% macro status(result) %}
    {% set status = result.status | string %}
    {% if result.node.resource_type != "source" %}{% do return(status) %}{% endif %}
    {% do return({"error": "fail", "runtime error": "error"}.get(status, status)) %}
{% endmacro %}

{# The evidence row of a source: its age in days, and the bound it has crossed or would cross first. #}
{% macro evidence_of_freshness(result) %}
    {% set status, freshness = gates.status(result), result.node.freshness %}
    {% set after = freshness.error_after if status == "fail" or not freshness.warn_after.count else freshness.warn_after %}
    {% set per_day = {"minute": 1440, "hour": 24, "day": 1}[after.period | string] %}
    {% do return(gates.evidence_row({
        "gate": "source_freshness",
        "metric": "age",
        "current_value": result.age / 86400 if status != "error" else none,
        "upper_bound": after.count / per_day,
        "verdict": status if status in ["pass", "warn"] else "fail",
        "reason": {"pass": "ok", "error": "query_error"}.get(status, "out_of_bounds"),
    })) %}
{% endmacro %}

{# What a line about it prints; it is no gate, so it has no arguments. #}
{% macro source_freshness_spec() %}
    {% do return(gates.spec({"gate": "source_freshness", "arguments": {}, "value_unit": "days"})) %}
{% endmacro %}
