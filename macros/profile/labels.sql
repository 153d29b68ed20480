{# The values of a profile as text. #}

{% macro category_label(value) -%}
    coalesce(cast({{ value }} as {{ gates.type_text() }}), '(null)')
{%- endmacro %}

{# A number from 0 on, in two digits. #}
{% macro number_label(value) -%}
    case
        when {{ value }} is null then '(null)'
        when {{ value }} < 10 then '0' || cast(cast({{ value }} as integer) as {{ gates.type_text() }})
        else cast(cast({{ value }} as integer) as {{ gates.type_text() }})
    end
{%- endmacro %}

{# The hours since midnight (UTC) of the row's own day, not the hour of the clock: a load whose days are cut at another
   midnight has the same clock hours, but not these. In New York a day spans 05 to 28 in winter and 04 to 27 in summer,
   in Tokyo -09 to 14. Rows filed under a quite different date are '(before)' -24 and '(after)' 47. #}
{% macro hour_label(hour_start) -%}
    {%- set midnight = gates.epoch("cast(profile_date as timestamp)") -%}
    {%- set hours = "floor((" ~ gates.epoch(hour_start) ~ " - " ~ midnight ~ ") / 3600)" -%}
    case
        when {{ hours }} is null then '(null)'
        when {{ hours }} < -24 then '(before)'
        when {{ hours }} > 47 then '(after)'
        else case when {{ hours }} < 0 then '-' else '' end
            || lpad(cast(cast(abs({{ hours }}) as integer) as {{ gates.type_text() }}), 2, '0')
    end
{%- endmacro %}

{# The bin of a number as text: '00' below the first edge, '01' from the first edge on, … and '(null)'. #}
{% macro bin(column, edges) -%}
    case
        when {{ gates.column(column) }} is null then '(null)'
        {%- for edge in edges %}
        when {{ gates.column(column) }} < {{ edge }} then '{{ "%02d" | format(loop.index0) }}'
        {%- endfor %}
        else '{{ "%02d" | format(edges | length) }}'
    end
{%- endmacro %}
