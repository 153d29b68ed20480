{# What a gate declares about itself, once, in the macro <gate>_spec beside its test. The check of arguments, the property YAML, the
   page's table, the printed line, `explain`, `suggest` and `backtest` read it; a macro of that name is found, not listed.
     gate, passes_when   the name and one sentence
     arguments           by name, in the order of the test's signature: kind and rule (macros/spec/rules.sql), default (required
                         without one), meaning, also_called (names that people try), looks_back (the days by which one more
                         reaches further back for a reference). What is left out comes from
                         shared_arguments(), so `{}` is an argument that other gates have too
     at_least_one        two arguments of which at least one must be given, because the gate could never fail without them
     statistic           its name, its unit, and what NULL means in a row that passed (null_means); none where the gate judges the
                         value itself
     value_unit          unit of the value and its reference
     lower, upper        the words between a value and its bound: "below" where the bound itself does not pass
     formula             how the gate comes to its number, with columns of the evidence and arguments in braces
     sentence            what a row says whose bound decided, with parts in braces: columns, arguments, words of
                         src/gates/ledger/words.py
     reasons             words for the reasons that only this gate gives, and for shared reasons that it words otherwise
                         (macros/spec/reasons.sql)
     fitted              the bounds that `suggest` can fit (src/gates/spec/spec.py, FittedBound); none where it can fit no bound
   A default, a bound of an argument, a formula, a unit or a statistic's name may depend on another argument: it is then a mapping
   {argument: {value of that argument: fact}}. #}
{% macro spec(own) %}
    {% set shared, arguments = gates.shared_arguments(), {} %}
    {% for name, argument in own.arguments.items() %}
        {% do arguments.update({name: dict(shared.get(name, {}), **argument)}) %}
    {% endfor %}
    {% do return(dict(
        {
            "gate": "", "passes_when": "", "arguments": {}, "statistic": none, "value_unit": "", "lower": "at least",
            "upper": "at most", "at_least_one": [], "formula": "{metric} = {current_value}", "sentence": "{plain}", "reasons": {},
            "fitted": none,
        },
        **dict(own, arguments=arguments)
    )) %}
{% endmacro %}

{# The arguments that several gates have. #}
{% macro shared_arguments() %}
    {% do return({
        "column_name": {
            "kind": "column", "also_called": ["column", "field", "columns"], "meaning": "The column that is judged",
        },
        "date_column": {
            "kind": "column",
            "also_called": ["date", "day", "timestamp_column", "timestamp", "time_column", "partition_column", "date_filter_column"],
            "meaning": "The column of the day, a date or a timestamp (its day in the database's time zone). Compared bare, so"
                ~ " an index or a partition serves",
        },
        "metrics": {
            "kind": "expressions", "also_called": ["expression", "expressions", "metric", "metrics_thresholds", "aggregates"],
            "meaning": "The SQL aggregates that are judged",
        },
        "expression": {
            "kind": "expression", "also_called": ["metrics", "metric", "expressions", "sql", "aggregate", "column_name"],
            "meaning": "The SQL aggregate that is judged",
        },
        "days_back": {
            "kind": "integer", "at_least": 0, "default": 0, "only_with": "date_column", "moves_judged_day": true,
            "also_called": ["offset", "lag", "days_ago"],
            "meaning": "Days before the run date of the day that is judged",
        },
        "history_days": {
            "kind": "integer", "at_least": 2, "default": 28, "looks_back": 1,
            "also_called": ["days_back", "training_period", "lookback_days", "days"],
            "meaning": "Days before the run date that are the history; half of them must have rows",
        },
        "noise_days": {
            "kind": "integer", "at_least": 14, "default": 56, "looks_back": 1, "also_called": ["training_period", "history_days"],
            "meaning": "Days before the run date that say what is usual; half of them must be usable",
        },
        "max_share": {
            "kind": "number", "at_least": 0, "below": 1, "default": none,
            "also_called": ["threshold", "max_value", "at_most", "limit", "share"],
            "meaning": "Largest share of the day's rows, included",
        },
        "max_increase": {
            "kind": "number", "at_least": 0, "below": 1, "default": none, "also_called": ["increase", "max_change"],
            "meaning": "By how much the share may exceed the largest one of the history, in the same unit",
        },
        "segment_column": {
            "kind": "column", "default": none,
            "also_called": ["segment", "dimension", "dimensions", "group_by", "group_by_columns", "partition_by"],
            "meaning": "One verdict for each value of this column; rows without a value are the segment `(none)`",
        },
        "min_segment_size": {
            "kind": "integer", "at_least": 1, "default": 1, "only_with": "segment_column",
            "also_called": ["min_rows", "min_sample_size", "min_size"],
            "meaning": "Rows below which a segment passes as `insufficient_history` instead of being judged",
        },
        "weight": {
            "kind": "column", "default": none, "also_called": ["weight_column", "row_count", "count_column"],
            "meaning": "On a profile: the column that says how many rows a row stands for",
        },
        "on_missing": {
            "kind": "choice", "choices": ["fail", "warn"], "default": "fail",
            "meaning": "The verdict where the judged day or its reference has no rows, or a value is NULL, NaN or infinite",
        },
        "version": {
            "kind": "expression", "default": none, "also_called": ["subject_version", "model_version", "data_version"],
            "meaning": "SQL aggregate over all rows of the judged day, whatever `where` leaves out, such as `max(model_version)`: what the"
                ~ " evidence is about, where that can change under it. In the ledger as `subject_version`; read separately",
        },
        "on_short": {
            "kind": "choice", "choices": ["pass", "warn", "fail"], "default": "warn",
            "meaning": "The verdict where the history is too short to decide",
        },
    }) %}
{% endmacro %}

{# The arguments of a gate that judges a value of a day, or of a whole relation where it has no date column. #}
{% macro value_arguments() %}
    {% do return({
        "date_column": {
            "default": none, "meaning": "The column of the day, a date or a timestamp; none: all rows are judged together",
        },
        "days_back": {}, "segment_column": {}, "min_segment_size": {}, "weight": {},
        "on_missing": {
            "choices": ["fail", "warn", "not_applicable"],
            "meaning": "The verdict on a day without rows and on values that are NULL, NaN or infinite. With `not_applicable` a day"
                ~ " without rows passes with that reason, and an unusable value warns: only for rows that need not be there",
        },
        "version": {},
    }) %}
{% endmacro %}

{# The specs of all gates by name, with each argument's rule in words. Outside a test, where dbt resolves macros by any name. #}
{% macro specs() %}
    {% set found = {} %}
    {% for name in gates if name.endswith("_spec") and "test_" ~ name[:-5] in gates %}
        {% set spec = gates[name]() %}
        {% for argument in spec.arguments.values() %}
            {% do argument.update({"must_be": gates.rule_in_words(argument)}) %}
        {% endfor %}
        {% do found.update({spec.gate: spec}) %}
    {% endfor %}
    {% do return(found) %}
{% endmacro %}
