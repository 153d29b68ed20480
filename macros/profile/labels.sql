{# The values of a profile as text. #}

{% macro category_label(value) -%}
    coalesce(cast({{ value }} as {{ gates.type_text() }}), '(null)')
{%- endmacro %}

{# A number of at least 0, with at least two digits. #}
{% macro number_label(value) -%}
    case
        when {{ value }} is null then '(null)'
        when {{ value }} < 10 then '0' || cast(cast({{ value }} as integer) as {{ gates.type_text() }})
        else cast(cast({{ value }} as integer) as {{ gates.type_text() }})
    end
{%- endmacro %}

{# The hours since midnight (UTC) of the row's day, not the hour of the clock: a load that splits days at another midnight
   keeps the clock hours but changes these. A day spans 05 to 28 in New York in winter, 04 to 27 in summer, and -09 to 14
   in Tokyo. Rows with a date far from their timestamp are '(before)' -24 or '(after)' 47. #}
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

{# The bin of a number as text: '00' below the first edge, '01' from the first edge on, and so on; '(null)' for NULL. #}
{% macro bin(column, edges) -%}
    case
        when {{ gates.column(column) }} is null then '(null)'
        {%- for edge in edges %}
        when {{ gates.column(column) }} < {{ edge }} then '{{ "%02d" | format(loop.index0) }}'
        {%- endfor %}
        else '{{ "%02d" | format(edges | length) }}'
    end
{%- endmacro %}
