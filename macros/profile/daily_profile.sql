{# The daily profile: what the gates that look back read instead of the history.

   One row per day, slice and value. The slice `all` has one row for every day of the range, with row_count 0 where there
   are no rows, and it alone has the measures; the other slices count rows: one slice for each category column (value: the
   category), each binned measure (value: the bin) and the hour (value: 00 to 23).

   relation: what is profiled; date_column: its day; first_day, last_day: the range, both included
   measures: numeric columns, each with the edges of its bins, ascending (none: [])
   categories: columns with few values; hour_of: a timestamp column, or none
   nulls: further columns whose NULLs are counted
   distinct: columns whose distinct values are counted; exact, and each reads the days once more

   The rows are read once, into cells that are few: one for each day and combination of slices. Keys stay numbers until then,
   because making a text of each row costs more than the rest. On Postgres a day of 80,000 rows wants a work_mem of 16 MB: with
   the default of 4 MB its rows are sorted on disk, which takes twice as long (`set local work_mem` in a pre-hook).
   A sum is rounded to four decimals, so that a profile built again from the same rows is the same to the last digit, and kept as
   a double, so that a quotient is the same on each engine: Spark divides decimals of that size to six decimals only. #}
{% macro daily_profile(
    relation, date_column, first_day, last_day, measures={}, categories=[], hour_of=none, distinct=[], nulls=[]
) %}
{% set slices = {} %}
{% for column in categories %}{% do slices.update({column: [gates.column(column), gates.category_label]}) %}{% endfor %}
{% for column, edges in measures.items() if edges %}
    {% do slices.update({column ~ "_bin": [gates.bin_number(column, edges), gates.number_label]}) %}
{% endfor %}
{% if hour_of is not none %}{% do slices.update({"hour": [gates.hour_number(hour_of), gates.number_label]}) %}{% endif %}
with cells as (
    select
        cast({{ gates.column(date_column) }} as date) as profile_date,
        {% for sql, label in slices.values() -%}
        {{ sql }} as s{{ loop.index0 }},
        {% endfor -%}
        {% for column in measures -%}
        {% set v = gates.column(column) -%}
        count({{ v }}) as {{ column }}_count,
        count(case when {{ v }} = 0 then 1 end) as {{ column }}_zeros,
        sum({{ v }}) as {{ column }}_sum,
        min({{ v }}) as {{ column }}_min,
        max({{ v }}) as {{ column }}_max,
        {% endfor -%}
        {% for column in nulls -%}
        count({{ gates.column(column) }}) as {{ column }}_count,
        {% endfor -%}
        count(*) as row_count
    from {{ relation }}
    where {{ gates.in_days(date_column, first_day, last_day) }}
    group by 1{% for _ in slices %}, {{ loop.index + 1 }}{% endfor %}
),

totals as (
    select
        profile_date,
        {% for column in measures -%}
        sum({{ column }}_count) as {{ column }}_count,
        sum(row_count) - sum({{ column }}_count) as {{ column }}_nulls,
        sum({{ column }}_zeros) as {{ column }}_zeros,
        cast(cast(sum({{ column }}_sum) as decimal(38, 4)) as {{ gates.type_double() }}) as {{ column }}_sum,
        cast(min({{ column }}_min) as {{ gates.type_double() }}) as {{ column }}_min,
        cast(max({{ column }}_max) as {{ gates.type_double() }}) as {{ column }}_max,
        {% endfor -%}
        {% for column in nulls -%}
        sum(row_count) - sum({{ column }}_count) as {{ column }}_nulls,
        {% endfor -%}
        sum(row_count) as row_count
    from cells
    group by profile_date
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
        case
            {%- for sql, label in slices.values() %}
            when grouping(s{{ loop.index0 }}) = 0 then {{ label("s" ~ loop.index0) }}
            {%- endfor %}
        end as value,
        sum(row_count) as row_count
    from cells
    group by grouping sets (
        {%- for _ in slices %}(profile_date, s{{ loop.index0 }}){{ ", " if not loop.last }}{% endfor -%}
    )
),
{%- endif %}

{% for column in distinct -%}
distinct_{{ loop.index0 }} as (
    -- by a hash of the values, which is cheaper than the sort that count(distinct) means on Postgres
    select
        profile_date,
        count(value) as {{ column }}_distinct
    from (
        select distinct
            cast({{ gates.column(date_column) }} as date) as profile_date,
            {{ gates.column(column) }} as value
        from {{ relation }}
        where {{ gates.in_days(date_column, first_day, last_day) }}
    ) as seen
    group by profile_date
),

{% endfor -%}
days as (
    {{ gates.days_between(first_day, last_day) }}
),

profile as (
    select
        days.profile_date,
        'all' as slice,
        'all' as value,
        cast(coalesce(totals.row_count, 0) as {{ gates.type_bigint() }}) as row_count,
        {% for name in gates.profile_measures(measures, distinct, nulls) -%}
        {{ "cast(coalesce(" ~ name ~ ", 0) as " ~ gates.type_bigint() ~ ")"
            if name.rsplit("_", 1)[1] in ["count", "nulls", "zeros", "distinct"] else name }} as {{ name }}{{ "," if not loop.last }}
        {% endfor %}
    from days
    left join totals on days.profile_date = totals.profile_date
    {% for column in distinct -%}
    left join distinct_{{ loop.index0 }} on days.profile_date = distinct_{{ loop.index0 }}.profile_date
    {% endfor -%}
    {% if slices -%}
    union all
    select
        profile_date,
        slice,
        value,
        cast(row_count as {{ gates.type_bigint() }}) as row_count,
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

{# A category, a bin or an hour as text. #}
{% macro category_label(value) -%}
    coalesce(cast({{ value }} as {{ gates.type_text() }}), '(null)')
{%- endmacro %}
{% macro number_label(value) -%}
    case
        when {{ value }} is null then '(null)'
        when {{ value }} < 10 then '0' || cast(cast({{ value }} as integer) as {{ gates.type_text() }})
        else cast(cast({{ value }} as integer) as {{ gates.type_text() }})
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
