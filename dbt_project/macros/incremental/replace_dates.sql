{# The incremental strategy `replace_dates`: the days from first_replaced_date() to the run date are deleted and
   inserted anew in one transaction. dbt's own delete+insert deletes only the keys of the new batch: where a day's
   rows have vanished from the source, the old ones would stay and every gate on them would pass. The date column is
   the model's `partition_by`. Spark has no such transaction: there `insert_overwrite` by the same partition_by
   replaces the days that have rows, and before_replacement() drops those days first, for the ones that have none. #}
{% macro replacing_strategy() %}
    {% do return("insert_overwrite" if target.type == "spark" else "replace_dates") %}
{% endmacro %}

{% macro get_incremental_replace_dates_sql(arg_dict) %}
    {% set target = arg_dict["target_relation"] %}
    {% set date_column = config.require("partition_by") %}
    {% set columns = arg_dict["dest_columns"] | map(attribute="quoted") | join(", ") %}
    delete from {{ target }}
    where
        {{ date_column }} >= {{ first_replaced_date(target, date_column) }}
        and {{ date_column }} <= {{ gates.date_literal(gates.run_date()) }};

    insert into {{ target }} ({{ columns }})
    select {{ columns }} from {{ arg_dict["temp_relation"] }};
{% endmacro %}

{# The first day that an incremental run replaces, as an SQL expression: min(run date, last day already built) less
   var lookback_days. From the last day built, so that days on which nothing ran are made up for; from the run date
   where that is earlier, so that a past day can be run again. All days, where nothing is built yet. #}
{% macro first_replaced_date(relation, date_column) -%}
    {%- set run_date = gates.date_literal(gates.run_date()) -%}
    {%- set lookback_days = var("lookback_days") | int -%}
    (
        select
            cast({{ dbt.dateadd("day", -lookback_days,
                "case when max(" ~ date_column ~ ") is null then cast('0001-02-01' as date)"
                ~ " when max(" ~ date_column ~ ") < " ~ run_date ~ " then max(" ~ date_column ~ ")"
                ~ " else " ~ run_date ~ " end"
            ) }} as date)
        from {{ relation }}
    )
{%- endmacro %}

{# A pre-hook: makes the replacement safe. It runs in the transaction of the model, before the model is read. #}
{% macro before_replacement() %}
    {% if execute and is_incremental() %}{{ adapter.dispatch("before_replacement_of")(this) }}{% endif %}
{% endmacro %}

{% macro default__before_replacement_of(relation) %}{% endmacro %}

{# Two runs at once would each delete the same rows and then both insert theirs. Readers are not held up.
   With the 4 MB that a server gives by default the profile sorts its rows on disk, which takes twice as long. #}
{% macro postgres__before_replacement_of(relation) %}
    lock table {{ relation }} in share row exclusive mode;
    set local work_mem = '64MB'
{% endmacro %}

{# Days that no longer have rows would not be overwritten. Between this and the insert a reader misses the days. #}
{% macro spark__before_replacement_of(relation) %}
    {% set date_column = config.require("partition_by") %}
    {% set first_day = run_query("select " ~ first_replaced_date(relation, date_column)).rows[0][0] | string %}
    {% for row in run_query("show partitions " ~ relation).rows %}
        {% set day = row[0].split("=")[1] %}
        {% if first_day <= day <= gates.run_date().isoformat() %}
            {% do run_query("alter table " ~ relation ~ " drop if exists partition (" ~ date_column ~ "='" ~ day ~ "')") %}
        {% endif %}
    {% endfor %}
{% endmacro %}
