{# The content of a day: how many rows it has, a hash over their values in any order, and a hash over the names and types of the columns.
   A daily profile keeps it in `content_hash`; a relation whose YAML declares that column says by it whether the rows of a day have
   changed since its gates judged them. #}

{% macro content_column() %}{{ return("content_hash") }}{% endmacro %}

{# An aggregate over the rows of `alias`, which are rows of `relation`. #}
{% macro content_of_rows(relation, alias) %}
    {% set text = gates.type_text() %}
    {% do return("cast(count(*) as " ~ text ~ ") || ':' || cast(" ~ gates.sum_of_row_hashes(alias) ~ " as " ~ text ~ ") || "
        ~ gates.literal(":" ~ gates.columns_hash(relation))) %}
{% endmacro %}

{# The content of a day without rows. #}
{% macro content_of_nothing(relation) %}{% do return(gates.literal("0:0:" ~ gates.columns_hash(relation))) %}{% endmacro %}

{# A hash over the names and types of the columns, in their order; of a relation that is not there yet, one of none. #}
{% macro columns_hash(relation) %}
    {% set columns = [] %}
    {% if execute %}
        {% for column in gates.columns_in_relation(relation) %}{% do columns.append([column.name, column.data_type]) %}{% endfor %}
    {% endif %}
    {% do return(local_md5(tojson(columns))) %}
{% endmacro %}

{% macro sum_of_row_hashes(alias) %}{{ return(adapter.dispatch("sum_of_row_hashes", "gates")(alias)) }}{% endmacro %}
{# Of bigints, whose sum Postgres keeps in 128 bits: a sum of numerics costs several times as much. #}
{% macro default__sum_of_row_hashes(alias) %}{{ return("sum(hashtextextended(cast(" ~ alias ~ " as text), 0))") }}{% endmacro %}
{% macro duckdb__sum_of_row_hashes(alias) %}{{ return("sum(" ~ gates.row_hash(alias) ~ ")") }}{% endmacro %}
{% macro spark__sum_of_row_hashes(alias) %}{{ return("sum(" ~ gates.row_hash(alias) ~ ")") }}{% endmacro %}

{# Where a gate's relation keeps the content of each day: the table and the column of the day; none where its YAML declares no such column. #}
{% macro content_source(test_node) %}
    {% set node = gates.tested_node(test_node) if gates.judges_days(test_node) %}
    {% if not node or gates.content_column() not in node.columns %}{% do return(none) %}{% endif %}
    {% do return({
        "table": api.Relation.create(database=node.database, schema=node.schema, identifier=node.identifier or node.alias),
        "date_column": test_node.test_metadata.kwargs.date_column,
    }) %}
{% endmacro %}

{# The relations that are there, have a gate that judges days, and keep the content of each day, by their name in the ledger. #}
{% macro relations_with_content() %}
    {% set found = {} %}
    {% for test_node in graph.nodes.values() if gates.is_gate(test_node) and gates.relation_name(test_node) not in found %}
        {% set source = gates.content_source(test_node) %}
        {% if source and load_relation(source.table) %}{% do found.update({gates.relation_name(test_node): source}) %}{% endif %}
    {% endfor %}
    {% do return(found) %}
{% endmacro %}

{# The content of each day of these relations, as relation, day and content; empty where there are none. #}
{% macro contents(first_day, last_day) %}
{% for relation, source in gates.relations_with_content().items() -%}
{{ gates.contents_of_relation(relation, source, first_day, last_day) }}
{{ "union all" if not loop.last }}
{% else -%}
select
    cast(null as {{ gates.type_text() }}) as relation,
    cast(null as date) as day,
    cast(null as {{ gates.type_text() }}) as content
where 1 = 0
{% endfor %}
{% endmacro %}

{% macro contents_of_relation(relation, source, first_day, last_day) %}
select
    {{ gates.literal(relation) }} as relation,
    cast({{ gates.column(source.date_column) }} as date) as day,
    max({{ gates.content_column() }}) as content
from {{ source.table }}
where {{ gates.in_days(source.date_column, first_day, last_day) }}
group by cast({{ gates.column(source.date_column) }} as date)
{% endmacro %}

{# Evidence with the content of the day that it is about as its `subject_version`, where the relation keeps one. #}
{% macro with_content(evidence) %}
    {% set source = gates.content_source(model) if not gates.judged_shift() %}
    {% if not source %}{% do return(evidence) %}{% endif %}
    {% set columns = [] %}
    {% for name in gates.evidence_columns() %}{% do columns.append("evidence." ~ name) %}{% endfor %}
    {% do return("select " ~ columns[:-1] | join(", ")
        ~ ", coalesce(evidence.subject_version, contents.content) as subject_version from (" ~ evidence ~ ") as evidence left join ("
        ~ gates.contents_of_relation(gates.relation_name(model), source, gates.first_judged(), gates.run_date())
        ~ ") as contents on evidence.run_date = contents.day") %}
{% endmacro %}

{# The first day of a relation whose content is not what its profile keeps, up to the run date; NULL where there is none. #}
{% macro first_changed_day(relation, date_column, profile) %}
select min(coalesce(profiled.profile_date, present.profile_date)) as day
from (
    select profile_date, {{ gates.content_column() }} as content
    from {{ profile }}
    where slice = 'all' and profile_date <= {{ gates.date_literal(gates.run_date()) }}
) as profiled
full join (
    select
        cast({{ gates.column(date_column) }} as date) as profile_date,
        {{ gates.content_of_rows(relation, "present_rows") }} as content
    from {{ relation }} as present_rows
    where {{ gates.column(date_column) }} < {{ gates.date_literal(gates.days_before(gates.run_date(), -1)) }}
    group by cast({{ gates.column(date_column) }} as date)
) as present on profiled.profile_date = present.profile_date
where coalesce(profiled.content, 'none') <> coalesce(present.content, {{ gates.content_of_nothing(relation) }})
{% endmacro %}
