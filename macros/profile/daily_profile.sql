{# The daily profile: what the gates that look back read instead of the history.

   One row per day, slice and value. The slice `all` has one row for every day of the range, with row_count 0 where there
   are no rows, and it alone has the measures; the other slices count rows: one slice for each category column (value: the
   category), each binned measure (value: the bin) and the hour (value: 00 to 23).

   relation: what is profiled; date_column: its day; first_day, last_day: the range, both included
   measures: numeric columns, each with the edges of its bins, ascending (none: [])
   categories: columns with few values; hour_of: a timestamp column, or none
   nulls: further columns whose NULLs are counted
   distinct: columns whose distinct values are counted; exact, and as dear as all the rest together

   Sums are kept as decimals, so that a profile built again from the same rows is the same to the last digit. #}
{% macro daily_profile(
    relation, date_column, first_day, last_day, measures={}, categories=[], hour_of=none, distinct=[], nulls=[]
) %}
{% set slices = {} %}
{% for column in categories %}
    {% do slices.update({column: "coalesce(cast(" ~ gates.column(column) ~ " as " ~ gates.type_text() ~ "), '(null)')"}) %}
{% endfor %}
{% for column, edges in measures.items() if edges %}
    {% do slices.update({column ~ "_bin": gates.bin(column, edges)}) %}
{% endfor %}
{% if hour_of is not none %}{% do slices.update({"hour": gates.hour(hour_of)}) %}{% endif %}
with selected as (
    select
        cast({{ gates.column(date_column) }} as date) as profile_date,
        {% for sql in slices.values() -%}
        {{ sql }} as s{{ loop.index0 }},
        {% endfor -%}
        {% for column in measures -%}
        {{ gates.column(column) }} as v{{ loop.index0 }},
        {% endfor -%}
        {% for column in distinct -%}
        {{ gates.column(column) }} as d{{ loop.index0 }},
        {% endfor -%}
        {% for column in nulls -%}
        {{ gates.column(column) }} as n{{ loop.index0 }},
        {% endfor -%}
        1 as one
    from {{ relation }}
    where
        {{ gates.column(date_column) }} >= {{ gates.date_literal(first_day) }}
        and {{ gates.column(date_column) }} < {{ gates.date_literal(gates.days_before(last_day, -1)) }}
),

totals as (
    select
        profile_date,
        {% for column in measures -%}
        {% set v = "v" ~ loop.index0 -%}
        count({{ v }}) as {{ column }}_count,
        count(*) - count({{ v }}) as {{ column }}_nulls,
        cast(sum(case when {{ v }} = 0 then 1 else 0 end) as {{ gates.type_bigint() }}) as {{ column }}_zeros,
        cast(sum({{ v }}) as decimal(38, 4)) as {{ column }}_sum,
        cast(min({{ v }}) as {{ gates.type_double() }}) as {{ column }}_min,
        cast(max({{ v }}) as {{ gates.type_double() }}) as {{ column }}_max,
        {% endfor -%}
        {% for column in distinct -%}
        count(distinct d{{ loop.index0 }}) as {{ column }}_distinct,
        {% endfor -%}
        {% for column in nulls -%}
        count(*) - count(n{{ loop.index0 }}) as {{ column }}_nulls,
        {% endfor -%}
        count(*) as row_count
    from selected
    group by profile_date
),

days as (
    {{ gates.days_between(first_day, last_day) }}
),

{% if slices -%}
sliced as (
    select
        profile_date,
        case
            {%- for name in slices %}
            when grouping(s{{ loop.index0 }}) = 0 then {{ gates.literal(name) }}
            {%- endfor %}
        end as slice,
        coalesce({% for _ in slices %}s{{ loop.index0 }}{{ ", " if not loop.last }}{% endfor %}{{ ", null" if slices | length == 1 }}) as value,
        count(*) as row_count
    from selected
    group by grouping sets (
        {%- for _ in slices %}(profile_date, s{{ loop.index0 }}){{ ", " if not loop.last }}{% endfor -%}
    )
),
{%- endif %}

profile as (
    select
        days.profile_date,
        'all' as slice,
        'all' as value,
        coalesce(totals.row_count, 0) as row_count,
        {% for name in gates.profile_measures(measures, distinct, nulls) -%}
        {{ "coalesce(totals." ~ name ~ ", 0)" if name.rsplit("_", 1)[1] in ["count", "nulls", "zeros", "distinct"]
            else "totals." ~ name }} as {{ name }}{{ "," if not loop.last }}
        {% endfor %}
    from days
    left join totals on days.profile_date = totals.profile_date
    {% if slices -%}
    union all
    select
        profile_date,
        slice,
        value,
        row_count,
        {% for name in gates.profile_measures(measures, distinct, nulls) -%}
        null as {{ name }}{{ "," if not loop.last }}
        {% endfor %}
    from sliced
    {%- endif %}
)

select * from profile
{% endmacro %}

{# The columns that only the slice `all` has. #}
{% macro profile_measures(measures, distinct, nulls) %}
    {% set names = [] %}
    {% for column in measures %}
        {% for suffix in ["count", "nulls", "zeros", "sum", "min", "max"] %}{% do names.append(column ~ "_" ~ suffix) %}{% endfor %}
    {% endfor %}
    {% for column in distinct %}{% do names.append(column ~ "_distinct") %}{% endfor %}
    {% for column in nulls %}{% do names.append(column ~ "_nulls") %}{% endfor %}
    {% do return(names) %}
{% endmacro %}

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
