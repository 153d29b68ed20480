{# From a measured partition to the rows that a gate returns. #}

{# dbt's status of a gate: positive when a row fails, negative when rows only warn, zero when all pass.
   A gate that returns no row has proven nothing, and a verdict that is neither `pass` nor `warn` is none: both fail. #}
{% macro configure() %}
    {% set failed = "sum(case when verdict in ('pass', 'warn') then 0 else 1 end)" %}
    {{ config(
        fail_calc="case when count(*) = 0 then 1 when " ~ failed ~ " > 0 then " ~ failed
            ~ " else -sum(case when verdict = 'warn' then 1 else 0 end) end",
        warn_if="<> 0",
        error_if="> 0",
        store_failures=true,
        store_failures_as="table",
    ) }}
{% endmacro %}

{# What dbt runs for a gate: its evidence. #}
{% macro decided(evidence) %}{{ return(evidence) }}{% endmacro %}

{# The select that ends every gate. A gate that looks at some of the rows says in the metric which (config.where).
   judged: a CTE with day_number, metric, segment, current_value, reference_value (numbers or text), statistic, lower_bound,
   upper_bound, sample_size and reason.
   on_missing: the verdict on data that are absent or unusable; verdicts: SQL for other reasons
   that do not simply lead to `fail`. #}
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
        when reason in ('no_current', 'no_reference', 'null_value') then '{{ on_missing }}'
        else 'fail'
    end as verdict,
    cast(reason as {{ text }}) as reason
from {{ judged }}
{% endmacro %}

{# True for a number that can be compared: neither NULL nor NaN nor infinite. Engines disagree on NaN, so it is named. #}
{% macro is_usable(value) -%}
    {% set double = gates.type_double() -%}
    coalesce({{ value }} not in (
        cast('NaN' as {{ double }}), cast('Infinity' as {{ double }}), cast('-Infinity' as {{ double }})
    ), false)
{%- endmacro %}
