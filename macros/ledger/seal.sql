{# Seals: a row of `gate_seals` closes each invocation with the number of its rows and a SHA-256 over them, chained to the seal before.
   Whoever reads the ledger sees by them whether a row was added, changed or removed afterwards. #}

{% macro seal_columns() %}
    {% set text = gates.type_text() %}
    {% do return({
        "seal_number": "bigint", "invocation_id": text, "kind": text, "row_count": "bigint", "rows_sha256": text,
        "lines": text, "previous_seal": text, "seal": text, "sealed_at": gates.type_timestamp(),
    }) %}
{% endmacro %}

{% macro seals() %}{% do return(gates.ledger().incorporate(path={"identifier": "gate_seals"})) %}{% endmacro %}

{# The lines that a seal holds: one for each test and day, with the number of rows, their hash, the day, the gate and the test. Rows
   without a seal have one line for each invocation: those of before there were seals are under the one entry `before sealing`.
   invocations: SQL literals; all when there is none; sealed: a select of those that have a separate seal, or are given one now. #}
{% macro ledger_lines(invocations=[], sealed=none) %}
select
    case when is_sealed then invocation_id else 'before sealing' end as sealed_as,
    invocation_id,
    {{ gates.joined([
        "cast(count(*) as " ~ gates.type_text() ~ ")",
        gates.sha256(gates.text_of_all("row_sha256", "")),
        "case when is_sealed then line_day else '-' end",
        "case when is_sealed then line_gate else '-' end",
        "case when is_sealed then line_node else line_run end",
    ]) }} as line,
    min(line_day) as first_day,
    count(*) as row_count
from (
    select
        recorded.invocation_id,
        sealed.invocation_id is not null as is_sealed,
        coalesce({{ gates.canonical("recorded.run_date", "date") }}, '-') as line_day,
        {{ gates.one_word("recorded.gate") }} as line_gate,
        {{ gates.one_word("recorded.node_id") }} as line_node,
        {{ gates.one_word("recorded.invocation_id") }} as line_run,
        {{ gates.row_sha256("recorded") }} as row_sha256
    from {{ gates.ledger() }} as recorded
    left join ({{ sealed or "select distinct invocation_id from " ~ gates.seals() ~ " where kind = 'run'" }}) as sealed
        on recorded.invocation_id = sealed.invocation_id
    {% if invocations -%}
    where recorded.invocation_id in ({{ invocations | join(", ") }})
    {%- endif %}
) as hashed
group by
    invocation_id,
    is_sealed,
    case when is_sealed then line_day else '-' end,
    case when is_sealed then line_gate else '-' end,
    case when is_sealed then line_node else line_run end
{% endmacro %}

{# All columns of a row as one text that no other row has: each value with its length in front. #}
{% macro row_sha256(alias, columns=none) %}
    {% set values = [] %}
    {% for name, type in (columns or gates.ledger_columns()).items() %}
        {% set value = gates.canonical(alias ~ "." ~ name, type) %}
        {% do values.append("coalesce(cast(length(" ~ value ~ ") as " ~ gates.type_text() ~ ") || ':' || " ~ value ~ ", '-')") %}
    {% endfor %}
    {% do return(gates.sha256(values | join(" || "))) %}
{% endmacro %}

{# Appends a seal. lines: a select of `line` and `row_count`; kind: `run`, `before`, `decision` or `pruned`; condition: when to. #}
{% macro append_seal_sql(invocation, kind, lines, condition="1 = 1") %}
insert into {{ gates.seals() }} ({{ gates.seal_columns() | join(", ") }})
select
    seal_number, invocation_id, kind, row_count, rows_sha256, lines, previous_seal,
    {{ gates.seal_sha256() }} as seal,
    sealed_at
from (
    select
        coalesce(last_seal.seal_number, 0) + 1 as seal_number,
        {{ gates.literal(invocation) }} as invocation_id,
        '{{ kind }}' as kind,
        contents.row_count,
        {{ gates.sha256("contents.lines") }} as rows_sha256,
        contents.lines,
        coalesce(last_seal.seal, '') as previous_seal,
        current_timestamp as sealed_at
    from (
        select
            cast(coalesce(sum(row_count), 0) as bigint) as row_count,
            coalesce({{ gates.text_of_all("line", "\n") }}, '') as lines
        from ({{ lines }}) as counted
    ) as contents
    left join (
        select seal_number, seal from {{ gates.seals() }} where seal_number = (select max(seal_number) from {{ gates.seals() }})
    ) as last_seal on 1 = 1
) as next_seal
where {{ condition }}
{% endmacro %}

{% macro seal_sha256() %}
    {% set text = gates.type_text() %}
    {% do return(gates.sha256(gates.joined([
        "previous_seal", "cast(seal_number as " ~ text ~ ")", "kind", "invocation_id", "cast(row_count as " ~ text ~ ")",
        "rows_sha256", gates.canonical("sealed_at", gates.type_timestamp()),
    ]))) %}
{% endmacro %}

{# Closes this invocation. #}
{% macro seal_invocation_sql() %}
    {% set id = gates.literal(invocation_id) %}
    {% do return(gates.append_seal_sql(
        invocation_id, "run", gates.ledger_lines([id], sealed="select " ~ id ~ " as invocation_id")
    )) %}
{% endmacro %}

{# A text as one word of a line: what would end the word or the line is an underscore. The hash has the text as it is. #}
{% macro one_word(text) %}
    {{ return("coalesce(nullif(replace(replace(" ~ text ~ ", ' ', '_'), chr(10), '_'), ''), '-')") }}
{% endmacro %}

{# Texts with a space between them. #}
{% macro joined(texts) %}{{ return(texts | join(" || ' ' || ")) }}{% endmacro %}

{% macro sha256(text) %}{{ return(adapter.dispatch("sha256", "gates")(text)) }}{% endmacro %}
{% macro default__sha256(text) %}{{ return("encode(sha256(convert_to(" ~ text ~ ", 'UTF8')), 'hex')") }}{% endmacro %}
{% macro duckdb__sha256(text) %}{{ return("sha256(" ~ text ~ ")") }}{% endmacro %}
{% macro spark__sha256(text) %}{{ return("sha2(" ~ text ~ ", 256)") }}{% endmacro %}

{# An aggregate: all texts, in one order everywhere. #}
{% macro text_of_all(text, separator) %}
    {{ return(adapter.dispatch("text_of_all", "gates")(text, "chr(10)" if separator else "''")) }}
{% endmacro %}
{% macro default__text_of_all(text, separator) %}
    {{ return("string_agg(" ~ text ~ ", " ~ separator ~ " order by " ~ text ~ " collate \"C\")") }}
{% endmacro %}
{% macro duckdb__text_of_all(text, separator) %}
    {{ return("string_agg(" ~ text ~ ", " ~ separator ~ " order by " ~ text ~ ")") }}
{% endmacro %}
{% macro spark__text_of_all(text, separator) %}
    {{ return("array_join(array_sort(collect_list(" ~ text ~ ")), " ~ separator ~ ")") }}
{% endmacro %}

{# A row for each line of a text. #}
{% macro each_line(text) %}{{ return(adapter.dispatch("each_line", "gates")(text)) }}{% endmacro %}
{% macro default__each_line(text) %}{{ return("unnest(string_to_array(" ~ text ~ ", chr(10)))") }}{% endmacro %}
{% macro duckdb__each_line(text) %}{{ return("unnest(string_split(" ~ text ~ ", chr(10)))") }}{% endmacro %}
{% macro spark__each_line(text) %}{{ return("explode(split(" ~ text ~ ", chr(10)))") }}{% endmacro %}

{# A value as a text that depends on no setting of the session: a double by its bits, an instant in microseconds. #}
{% macro canonical(value, type) %}{{ return(adapter.dispatch("canonical", "gates")(value, type)) }}{% endmacro %}
{% macro default__canonical(value, type) %}
    {{ return({
        gates.type_text(): value,
        gates.type_double(): "encode(float8send(" ~ value ~ "), 'hex')",
        gates.type_timestamp(): "case when isfinite(" ~ value ~ ") then cast(cast(extract(epoch from " ~ value
            ~ ") * 1000000 as bigint) as text) else cast(" ~ value ~ " as text) end",
        "date": "case when isfinite(" ~ value ~ ") then to_char(" ~ value ~ ", 'YYYY-MM-DD') else cast(" ~ value ~ " as text) end",
    }.get(type, "cast(" ~ value ~ " as text)")) }}
{% endmacro %}
{% macro duckdb__canonical(value, type) %}
    {% set micros = "cast(epoch_us(" ~ value ~ ") as text)" %}
    {{ return(value if type == "text" else (micros if type == gates.type_timestamp() else "cast(" ~ value ~ " as text)")) }}
{% endmacro %}
{% macro spark__canonical(value, type) %}
    {% set micros = "cast(unix_micros(" ~ value ~ ") as string)" %}
    {{ return(value if type == "string" else (micros if type == "timestamp" else "cast(" ~ value ~ " as string)")) }}
{% endmacro %}
