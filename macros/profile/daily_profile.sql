{# The select of a daily profile. Gates that look back read the profile instead of the history.

   One row per day, slice and value. The slice `all` has one row for every day of the range, with row_count 0 for a day
   without rows, and only this slice has the measures. The other slices count rows: one slice for each category column
   (value: the category), each binned measure (value: the bin) and the hour (value: the hours since midnight, see hour_label).

   relation: the relation to profile; date_column: the column of its day; first_day, last_day: the range, both included
   measures: numeric columns, each with the ascending edges of its bins ([] for no bins)
   categories: columns with few values; hour_of: a timestamp column, or none
   nulls: further columns whose NULLs are counted
   distinct: columns whose distinct values are counted without NULL; distinct_texts: the same for text columns

   The select reads the rows twice. The first read computes the totals of each day and the distinct counts, which Postgres
   sorts one day at a time. The second read groups the rows into cells, one for each day and combination of values; cells are
   few. Values become text last, because text for each row costs more than all other steps. On Postgres four days of 80,000
   rows need a work_mem of 16 MB: with the default of 4 MB Postgres sorts the cells on disk, and the select takes almost twice
   as long (`set local work_mem` in a pre-hook).
   `content_hash` of the slice `all` tells the rows of a day from others: their number, values, and the names and types of the columns.
   Sums are rounded to four decimals, so that a profile built again from the same rows is equal to the last digit. They are
   doubles, so that a quotient is equal on each engine: Spark divides decimals of that size to six decimals only. #}
{% macro daily_profile(
    relation, date_column, first_day, last_day, measures={}, categories=[], hour_of=none, distinct=[], nulls=[],
    distinct_texts=[]
) %}
{% set slices = {} %}
{% for column in categories %}{% do slices.update({column: [gates.column(column), gates.category_label]}) %}{% endfor %}
{% for column, edges in measures.items() if edges %}
    {% do slices.update({column ~ "_bin": [gates.bin_number(column, edges), gates.number_label]}) %}
{% endfor %}
{% if hour_of is not none %}{% do slices.update({"hour": [gates.hour_start(hour_of), gates.hour_label]}) %}{% endif %}
{% set names = gates.profile_measures(measures, distinct + distinct_texts, nulls) %}
with totals as (
    select
        cast({{ gates.column(date_column) }} as date) as profile_date,
        {% for column in measures -%}
        {% set v = gates.column(column) -%}
        count({{ v }}) as {{ gates.derived(column, "count") }},
        count(*) - count({{ v }}) as {{ gates.derived(column, "nulls") }},
        count(case when {{ v }} = 0 then 1 end) as {{ gates.derived(column, "zeros") }},
        cast(cast(sum({{ v }}) as decimal(38, 4)) as {{ gates.type_double() }}) as {{ gates.derived(column, "sum") }},
        cast(min({{ v }}) as {{ gates.type_double() }}) as {{ gates.derived(column, "min") }},
        cast(max({{ v }}) as {{ gates.type_double() }}) as {{ gates.derived(column, "max") }},
        {% endfor -%}
        {% for column in distinct -%}
        {{ gates.count_distinct(column) }} as {{ gates.derived(column, "distinct") }},
        {% endfor -%}
        {% for column in distinct_texts -%}
        {{ gates.count_distinct_texts(column) }} as {{ gates.derived(column, "distinct") }},
        {% endfor -%}
        {% for column in nulls -%}
        count(*) - count({{ gates.column(column) }}) as {{ gates.derived(column, "nulls") }},
        {% endfor -%}
        {{ gates.content_of_rows(relation, "profiled") }} as {{ gates.content_column() }},
        count(*) as row_count
    from {{ relation }} as profiled
    where {{ gates.in_days(date_column, first_day, last_day) }}
    group by cast({{ gates.column(date_column) }} as date)
),

{% if slices -%}
cells as (
    select
        cast({{ gates.column(date_column) }} as date) as profile_date,
        {% for sql, label in slices.values() -%}
        {{ sql }} as s{{ loop.index0 }},
        {% endfor -%}
        count(*) as row_count
    from {{ relation }}
    where {{ gates.in_days(date_column, first_day, last_day) }}
    group by 1{% for _ in slices %}, {{ loop.index + 1 }}{% endfor %}
),

labelled as (
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

sliced as (
    -- adds up values that share a label: hours far away; NULL and the text '(null)'
    select
        profile_date,
        slice,
        value,
        sum(row_count) as row_count
    from labelled
    group by 1, 2, 3
),

{% endif -%}
days as (
    {{ gates.days_between(first_day, last_day) }}
),

profile as (
    select
        days.profile_date,
        'all' as slice,
        'all' as value,
        cast(coalesce(totals.row_count, 0) as bigint) as row_count
        {%- for name, suffix in names.items() %},
        {{ "cast(coalesce(" ~ name ~ ", 0) as bigint)"
            if suffix in ["count", "nulls", "zeros", "distinct"] else name }} as {{ name }}
        {%- endfor %},
        coalesce(totals.{{ gates.content_column() }}, {{ gates.content_of_nothing(relation) }}) as {{ gates.content_column() }}
    from days
    left join totals on days.profile_date = totals.profile_date
    {% if slices -%}
    union all
    select
        profile_date,
        slice,
        value,
        cast(row_count as bigint) as row_count
        {%- for name in names %},
        null as {{ name }}
        {%- endfor %},
        null as {{ gates.content_column() }}
    from sliced
    {%- endif %}
)

select * from profile
{% endmacro %}

{# The names of the measures, which only the slice `all` has, each with what it holds. #}
{% macro profile_measures(measures, distinct, nulls) %}
    {% set names = {} %}
    {% for column in measures %}
        {% for suffix in ["count", "nulls", "zeros", "sum", "min", "max"] %}
            {% do names.update({gates.derived(column, suffix): suffix}) %}
        {% endfor %}
    {% endfor %}
    {% for column in distinct %}{% do names.update({gates.derived(column, "distinct"): "distinct"}) %}{% endfor %}
    {% for column in nulls %}{% do names.update({gates.derived(column, "nulls"): "nulls"}) %}{% endfor %}
    {% do return(names) %}
{% endmacro %}

{# The name of what is derived from a column, quoted like every column: a name may have dots, spaces and capitals. #}
{% macro derived(column, suffix) %}
    {{ return(adapter.quote((column[1:-1] if column[0] in ['"', "`"] else column) ~ "_" ~ suffix)) }}
{% endmacro %}
