{# SQL that differs between Postgres, DuckDB and Spark. #}

{% macro type_text() %}{{ return(adapter.dispatch("type_text", "gates")()) }}{% endmacro %}
{% macro default__type_text() %}{{ return("text") }}{% endmacro %}
{% macro spark__type_text() %}{{ return("string") }}{% endmacro %}

{% macro type_double() %}{{ return(adapter.dispatch("type_double", "gates")()) }}{% endmacro %}
{% macro default__type_double() %}{{ return("double precision") }}{% endmacro %}
{% macro duckdb__type_double() %}{{ return("double") }}{% endmacro %}
{% macro spark__type_double() %}{{ return("double") }}{% endmacro %}

{% macro type_timestamp() %}{{ return(adapter.dispatch("type_timestamp", "gates")()) }}{% endmacro %}
{% macro default__type_timestamp() %}{{ return("timestamp with time zone") }}{% endmacro %}
{% macro spark__type_timestamp() %}{{ return("timestamp") }}{% endmacro %}

{# A text as an SQL literal. #}
{% macro literal(value) %}{{ return(adapter.dispatch("literal", "gates")(value | string)) }}{% endmacro %}
{% macro default__literal(text) %}{{ return("'" ~ text.replace("'", "''") ~ "'") }}{% endmacro %}
{# Postgres has no such character in a text; a driver would end the statement at it. #}
{% macro duckdb__literal(text) %}{{ return(("'" ~ text.replace("'", "''") ~ "'").replace("\x00", "' || chr(0) || '")) }}{% endmacro %}
{% macro spark__literal(text) %}
    {{ return("'" ~ text.replace("\\", "\\\\").replace("'", "\\'").replace("\x00", "\\u0000") ~ "'") }}
{% endmacro %}

{# The same as a value of a type, NULL where there is none. #}
{% macro literal_or_null(value, type=none) %}
    {% do return("cast(" ~ (gates.literal(value) if value else "null") ~ " as " ~ (type or gates.type_text()) ~ ")") %}
{% endmacro %}

{# A column by its name. Quoted, so that mixed case and reserved words work; a name that comes quoted is kept. #}
{% macro column(name) %}
    {% set quoted = name[0] in ['"', '`'] %}
    {{ return(name if quoted else adapter.quote(name)) }}
{% endmacro %}

{# A number as it was written, without losing a bit: the shortest text that reads back as the same double. A caller with many has
   asked for the `type` once, because each call of a macro costs dbt time. #}
{% macro number(value, type=none) %}
    {{ return("cast(" ~ ("null" if value is none else "'" ~ (value | float) ~ "'") ~ " as " ~ (type or gates.type_double()) ~ ")") }}
{% endmacro %}

{# Whether two type names mean the same type. Engines spell one type in several ways; a length or precision counts only
   where it is declared. #}
{% macro is_same_type(declared, actual) %}
    {% set wanted, found = gates.canonical_type(declared), gates.canonical_type(actual) %}
    {% if "(" not in wanted %}{% set found = found.split("(")[0] %}{% endif %}
    {% do return(wanted == found) %}
{% endmacro %}

{% macro canonical_type(name) %}
    {% set spelled = modules.re.sub("\\s*([(),])\\s*", "\\1", name | lower | trim) %}
    {% set parts = spelled.split("(", 1) %}
    {% set base = {
        "int2": "smallint", "int4": "integer", "int": "integer", "int8": "bigint", "long": "bigint",
        "float4": "real", "float8": "double", "double precision": "double",
        "decimal": "numeric", "bool": "boolean",
        "varchar": "text", "character varying": "text", "string": "text",
        "timestamp without time zone": "timestamp", "timestamp_ntz": "timestamp",
        "timestamptz": "timestamp with time zone",
    }.get(parts[0], parts[0]) %}
    {% do return(base ~ ("(" ~ parts[1] if parts | length > 1 else "")) %}
{% endmacro %}

{# A version of the rows of a relation, or of one of its days: '<rows>:<sum of row hashes>:<hash over the names and types of the columns>',
   the same in any order of rows. #}
{% macro data_version(relation, date_column=none, run_date=none) %}
select
    cast(count(*) as {{ gates.type_text() }}) || ':'
    || coalesce(cast(sum({{ gates.row_hash("versioned") }}) as {{ gates.type_text() }}), '0') || ':'
    || {{ gates.columns_version(relation) }} as version
from {{ relation }} as versioned
{% if date_column is not none -%}
where {{ gates.in_day(date_column, run_date or gates.run_date()) }}
{%- endif %}
{% endmacro %}

{# A hash over the names and types of the columns, in their order. Postgres looks at them when the statement runs, so that a statement
   compiled earlier sees that they have changed since. #}
{% macro columns_version(relation) %}{{ return(adapter.dispatch("columns_version", "gates")(relation)) }}{% endmacro %}
{% macro default__columns_version(relation) -%}
    (
        select coalesce(md5(cast(json_agg(json_build_array(attname, format_type(atttypid, atttypmod)) order by attnum) as text)), '')
        from pg_attribute
        where attrelid = cast({{ gates.literal(relation) }} as regclass) and attnum > 0 and not attisdropped
    )
{%- endmacro %}
{% macro duckdb__columns_version(relation) %}{{ return(gates.literal(gates.columns_hash(relation))) }}{% endmacro %}
{% macro spark__columns_version(relation) %}{{ return(gates.literal(gates.columns_hash(relation))) }}{% endmacro %}

{% macro row_hash(alias) %}{{ return(adapter.dispatch("row_hash", "gates")(alias)) }}{% endmacro %}
{% macro default__row_hash(alias) %}{{ return("cast(hashtextextended(cast(" ~ alias ~ " as text), 0) as numeric)") }}{% endmacro %}
{% macro duckdb__row_hash(alias) %}{{ return("cast(hash(" ~ alias ~ ") as hugeint)") }}{% endmacro %}
{% macro spark__row_hash(alias) %}{{ return("cast(xxhash64(*) as decimal(38, 0))") }}{% endmacro %}

{# Whole days from `today` to the day of a column: 0 on that day, negative before it. #}
{% macro day_number(date_column, today) %}{{ return(adapter.dispatch("day_number", "gates")(date_column, today)) }}{% endmacro %}
{% macro default__day_number(date_column, today) -%}
    (cast({{ gates.column(date_column) }} as date) - {{ gates.date_literal(today) }})
{%- endmacro %}
{% macro spark__day_number(date_column, today) -%}
    datediff(cast({{ gates.column(date_column) }} as date), {{ gates.date_literal(today) }})
{%- endmacro %}

{# The day of a day number, as a date. #}
{% macro day_of(day_number) %}{{ return(adapter.dispatch("day_of", "gates")(day_number)) }}{% endmacro %}
{% macro default__day_of(day_number) -%}
    ({{ gates.date_literal(gates.run_date()) }} + cast({{ day_number }} as integer))
{%- endmacro %}
{% macro spark__day_of(day_number) -%}
    date_add({{ gates.date_literal(gates.run_date()) }}, {{ day_number }})
{%- endmacro %}

{# Every day from first_day to last_day, as profile_date. #}
{% macro days_between(first_day, last_day) %}{{ return(adapter.dispatch("days_between", "gates")(first_day, last_day)) }}{% endmacro %}
{% macro default__days_between(first_day, last_day) -%}
    select cast(day as date) as profile_date
    from generate_series(
        cast('{{ first_day }}' as timestamp), cast('{{ last_day }}' as timestamp), interval '1 day'
    ) as series (day)
{%- endmacro %}
{% macro spark__days_between(first_day, last_day) -%}
    select explode(sequence({{ gates.date_literal(first_day) }}, {{ gates.date_literal(last_day) }})) as profile_date
{%- endmacro %}

{# The bin of a number: 0 below the first edge, 1 from the first edge on, …; NULL for NULL. #}
{% macro bin_number(column, edges) %}{{ return(adapter.dispatch("bin_number", "gates")(column, edges)) }}{% endmacro %}
{% macro default__bin_number(column, edges) -%}
    case
        when {{ gates.column(column) }} is null then null
        {%- for edge in edges %}
        when {{ gates.column(column) }} < {{ edge }} then {{ loop.index0 }}
        {%- endfor %}
        else {{ edges | length }}
    end
{%- endmacro %}
{# one call instead of a comparison for each edge #}
{% macro postgres__bin_number(column, edges) %}
    {% set double = gates.type_double() %}
    {{ return("width_bucket(cast(" ~ gates.column(column) ~ " as " ~ double ~ "), cast(array[" ~ edges | join(", ") ~ "] as " ~ double ~ "[]))") }}
{% endmacro %}

{# A hash of two values that can be summed without overflow; NULL is a value like any other. #}
{% macro pair_hash(first, second) %}{{ return(adapter.dispatch("pair_hash", "gates")(first, second)) }}{% endmacro %}
{% macro default__pair_hash(first, second) -%}
    cast(hashtextextended(
        coalesce(cast({{ first }} as text), '(null)') || '|' || coalesce(cast({{ second }} as text), '(null)'), 0
    ) as numeric)
{%- endmacro %}
{% macro duckdb__pair_hash(first, second) -%}
    cast(hash({{ first }}, {{ second }}) as hugeint)
{%- endmacro %}
{% macro spark__pair_hash(first, second) -%}
    cast(xxhash64({{ first }}, {{ second }}) as decimal(38, 0))
{%- endmacro %}

{# The columns of a relation, each with name and data_type. #}
{% macro columns_in_relation(relation) %}{{ return(adapter.dispatch("columns_in_relation", "gates")(relation)) }}{% endmacro %}
{% macro default__columns_in_relation(relation) %}{{ return(adapter.get_columns_in_relation(relation)) }}{% endmacro %}
{# The information schema knows no materialized view. A length or precision counts for texts and numbers only. #}
{% macro postgres__columns_in_relation(relation) %}
    {% set query %}
        select
            attname,
            format_type(atttypid, case when typcategory in ('S', 'N') then atttypmod else -1 end)
        from pg_catalog.pg_attribute
        join pg_catalog.pg_type on pg_type.oid = atttypid
        where attrelid = to_regclass({{ gates.literal(relation.include(database=false)) }}) and attnum > 0 and not attisdropped
        order by attnum
    {% endset %}
    {% do return(gates.fetched(query, ["name", "data_type"])) %}
{% endmacro %}

{# The columns of a query, each with name and data_type. #}
{% macro described_columns(query) %}{{ return(adapter.dispatch("described_columns", "gates")(query)) }}{% endmacro %}
{% macro default__described_columns(query) %}{{ return(adapter.get_column_schema_from_query(query)) }}{% endmacro %}
{% macro duckdb__described_columns(query) %}
    {{ return(gates.fetched("describe select * from (" ~ query ~ ") as described", ["name", "data_type"])) }}
{% endmacro %}
{% macro spark__described_columns(query) %}{{ return(gates.fetched("describe query " ~ query, ["name", "data_type"])) }}{% endmacro %}
{# What a driver says of a query lacks lengths and precisions. #}
{% macro postgres__described_columns(query) %}
    {% set view = api.Relation.create(schema="pg_temp", identifier="gates_described") %}
    {% do adapter.add_query(
        "drop view if exists " ~ view ~ "; create temporary view " ~ view.identifier ~ " as " ~ query, auto_begin=false
    ) %}
    {% do return(gates.columns_in_relation(view)) %}
{% endmacro %}
