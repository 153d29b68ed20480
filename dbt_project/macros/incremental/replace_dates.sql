{# The incremental strategy `replace_dates` deletes the days from first_replaced_date(), or from the first day of the new batch where
   that is earlier, to the run date and inserts them again in one transaction. dbt's delete+insert deletes only the keys of the new batch: if the rows of a day vanished
   from the source, the old rows would stay and every gate on them would pass. The date column is the model's
   `partition_by`. Spark has no such transaction. There `insert_overwrite` by the same partition_by replaces the days that
   have rows, and before_replacement() first drops all replaced days, because some may have no rows any more. #}
{% macro replacing_strategy() %}
    {% do return("insert_overwrite" if target.type == "spark" else "replace_dates") %}
{% endmacro %}

{% macro get_incremental_replace_dates_sql(arg_dict) %}
    {% set target = arg_dict["target_relation"] %}
    {% set date_column = config.require("partition_by") %}
    {% set columns = arg_dict["dest_columns"] | map(attribute="quoted") | join(", ") %}
    delete from {{ target }}
    where
        {{ date_column }} >= least(
            {{ first_replaced_date(target, date_column) }},
            (select min({{ date_column }}) from {{ arg_dict["temp_relation"] }})
        )
        and {{ date_column }} <= {{ gates.date_literal(gates.run_date()) }};

    insert into {{ target }} ({{ columns }})
    select {{ columns }} from {{ arg_dict["temp_relation"] }};
{% endmacro %}

{# The first day that an incremental run replaces, as an SQL expression: min(run date, last day already built) minus
   var lookback_days. Counting from the last day built catches up on days without a run; counting from an earlier run
   date allows a past day to run again. If nothing is built yet, the run builds all days. #}
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

{# A pre-hook that makes the replacement safe. It runs in the transaction of the model, before the model is read. #}
{% macro before_replacement() %}
    {% if execute and is_incremental() %}{{ adapter.dispatch("before_replacement_of")(this) }}{% endif %}
{% endmacro %}

{% macro default__before_replacement_of(relation) %}{% endmacro %}

{# The lock stops two concurrent runs from deleting the same rows and then inserting them twice. It does not block readers.
   With the server's default work_mem of 4 MB the profile would sort its rows on disk, which takes twice as long. #}
{% macro postgres__before_replacement_of(relation) %}
    lock table {{ relation }} in share row exclusive mode;
    set local work_mem = '64MB'
{% endmacro %}

{# insert_overwrite keeps days without new rows, so this macro drops them. Until the insert, readers miss these days. #}
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
