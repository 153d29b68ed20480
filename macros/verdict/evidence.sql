{# From a measured partition to the rows that a gate returns. #}

{# Sets how dbt reads the result of a gate. It replaces what a project sets for all tests, and refuses what one test sets, because a
   gate would not honour it. The address of the ledger is put into the manifest, where Python reads it. #}
{% macro configure() %}
    {% if not execute %}{% do gates.refuse_settings(model) %}{% endif %}
    {{ config(
        limit=none,
        fail_calc="coalesce(max(failures), 1)",
        warn_if="<> 0",
        error_if="> 0",
        store_failures=false,
        store_failures_as="ephemeral",
        meta={"gate_results": gates.ledger() | string},
    ) }}
{% endmacro %}

{# Refuses settings of one test that would change what its result means to dbt. #}
{% macro refuse_settings(test_node) %}
    {% set kept = "left out: a gate keeps all its evidence, in the ledger" %}
    {% set decided = "left out: a gate decides by its verdicts. Use `severity` and the gate's bounds" %}
    {% set rules = {
        "limit": kept, "store_failures": kept, "store_failures_as": kept,
        "fail_calc": decided, "warn_if": decided, "error_if": decided,
    } %}
    {# dbt appends the settings of the test's YAML to its code; the settings of the project are only in the test's config #}
    {% for setting, rule in rules.items() if modules.re.search("[(,]" ~ setting ~ "=", test_node.raw_code.split("}}", 1)[1]) %}
        {% set value = test_node.config[setting] %}
        {% if (setting, value) not in [("store_failures", false), ("store_failures_as", "ephemeral")] %}
            {% do gates.refuse(test_node.test_metadata.name, setting, rule, value) %}
        {% endif %}
    {% endfor %}
{% endmacro %}

{# The select that ends every gate. A gate with a `config.where` says in the metric which rows it looks at.
     judged       a CTE with day_number, metric, segment, current_value, reference_value (numbers or text), statistic, lower_bound,
                  upper_bound, sample_size and reason
     on_missing   the verdict on absent or unusable data; with not_applicable, absent rows pass and an unusable value warns
     verdicts     SQL of the verdict, for each other reason whose verdict is not `fail` #}
{% macro evidence_rows(gate, judged, on_missing="fail", verdicts={}) %}
{% set scope = config.get("where") %}
{% set text, double = gates.type_text(), gates.type_double() %}
select
    cast('{{ gate }}' as {{ text }}) as gate,
    cast(metric as {{ text }}){{ " || " ~ gates.literal(" where " ~ scope) if scope }} as metric,
    cast(segment as {{ text }}) as segment,
    {{ gates.day_of("day_number") }} as run_date,
    cast(current_value as {{ text }}) as current_value,
    cast(reference_value as {{ text }}) as reference_value,
    cast(statistic as {{ double }}) as statistic,
    cast(lower_bound as {{ double }}) as lower_bound,
    cast(upper_bound as {{ double }}) as upper_bound,
    cast(sample_size as bigint) as sample_size,
    case
        when reason = 'ok' then 'pass'
        {%- for reason, verdict in verdicts.items() %}
        when reason = '{{ reason }}' then {{ verdict }}
        {%- endfor %}
        {%- if on_missing == "not_applicable" %}
        when reason = 'no_current' then 'pass'
        {%- endif %}
        when reason in ('no_current', 'no_reference', 'null_value') then '{{ "warn" if on_missing == "not_applicable" else on_missing }}'
        else 'fail'
    end as verdict,
    cast({{ "case when reason = 'no_current' then 'not_applicable' else reason end" if on_missing == "not_applicable" else "reason" }} as {{ text }}) as reason,
    cast(null as {{ text }}) as subject_version
from {{ judged }}
{% endmacro %}

{# Evidence with the version of what it is about: `version`, an aggregate over the rows of the judged day, NULL without any. It is asked
   of all rows of the day, whatever `where` leaves out: where a gate finds no rows, it still says of what. #}
{% macro with_version(evidence, relation, args) %}
{% set is_dated = args.date_column is string %}
{% set whole = gates.tested_node(model).relation_name or relation %}
{% set days_back = args.judged_days_back or gates.judged_shift() %}
{% set day = gates.day_number(args.date_column, gates.run_date()) ~ " + " ~ days_back if is_dated %}
{% set first_day = gates.days_before(gates.first_judged(), days_back) %}
{% set last_day = gates.days_before(gates.run_date(), days_back) %}
select
    {% for name in gates.evidence_columns()[:-1] -%}
    evidence.{{ name }},
    {% endfor -%}
    versions.subject_version
from ({{ evidence }}) as evidence
{{ "left join" if is_dated else "cross join" }} (
    select
        {% if is_dated %}{{ gates.day_of(day) }} as run_date,{% endif %}
        cast({{ args.version }} as {{ gates.type_text() }}) as subject_version
    from {{ whole }}
    {% if is_dated -%}
    where {{ gates.in_days(args.date_column, first_day, last_day) }}
    group by {{ day }}
    {%- endif %}
) as versions
    {{ "on evidence.run_date = versions.run_date" if is_dated }}
{% endmacro %}

{# True for a number that can be compared: neither NULL nor NaN nor infinite. Engines disagree on NaN, so it is named. #}
{% macro is_usable(value) -%}
    {% set double = gates.type_double() -%}
    coalesce({{ value }} not in (
        cast('NaN' as {{ double }}), cast('Infinity' as {{ double }}), cast('-Infinity' as {{ double }})
    ), false)
{%- endmacro %}
