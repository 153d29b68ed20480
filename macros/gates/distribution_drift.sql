{# The usual bounds of the PSI are 0.1 and 0.25 (Siddiqi 2006). The bounds of the JS divergence are its values for shifts of the same
   size, because JS = PSI / (8 ln 2) for small shifts. #}
{% macro distribution_drift_spec() %}
    {% do return(gates.spec({
        "gate": "distribution_drift",
        "passes_when": "The distribution of a column on the day matches the days before: their distance is within a bound, or usual.",
        "arguments": {
            "column_name": {"meaning": "The column whose distribution is judged; NULL is a separate bucket"}, "date_column": {},
            "method": {"kind": "choice", "choices": ["psi", "js"], "default": "psi",
                "meaning": "The population stability index, or the Jensen-Shannon divergence in bits"},
            "warn_score": {"kind": "number", "above": 0, "default": {"method": {"psi": 0.1, "js": 0.018}},
                "also_called": ["warn_z"], "meaning": "Score above which it warns"},
            "fail_score": {"kind": "number", "at_least": "warn_score", "default": {"method": {"psi": 0.25, "js": 0.045}},
                "also_called": ["threshold", "max_score", "fail_z"], "meaning": "Score above which it fails"},
            "noise_z": {"kind": "number", "above": 0, "default": 4,
                "meaning": "Robust standard deviations above its usual log score that a score must exceed as well"},
            "reference_days": {"kind": "integer", "at_least": 7, "default": 28, "looks_back": 1, "also_called": ["history_days", "days_back"],
                "meaning": "Days before a day that are its reference; half of them must have rows"},
            "noise_days": {"meaning": "Days before the run date whose scores say what is usual; half of them must be usable"},
            "edges": {"kind": "ascending", "default": none, "also_called": ["bins", "buckets", "bin_edges"],
                "meaning": "Edges of the bins of a number, an edge belongs to the bin above it; none: each value is a bucket"},
            "segment_column": {},
            "segments": {"kind": "segments", "default": none, "each": ["warn_score", "fail_score"], "only_with": "segment_column",
                "meaning": "Bounds of some segments; the gate's bound holds where one leaves it out. A segment named here fails without rows"},
            "min_segment_size": {}, "weight": {}, "on_missing": {}, "on_short": {}, "version": {},
        },
        "statistic": {"name": "score", "unit": {"method": {"psi": "", "js": "bits"}}}, "value_unit": "of rows",
        "formula": "{method} over all buckets against the {reference_days} days before = {statistic}; in the bucket that moved most"
            ~ " the share was {reference_value} and is {current_value}",
        "sentence": "the distribution of {of} has shifted by {statistic} ({method}){allowed}; its most changed part has {current_share}"
            ~ " of the rows and had {reference_share} before",
        "fitted": {"by": "segments", "has_noise_bound": true,
            "bounds": [{"levels": ["warn_score", "fail_score"], "scale": "sqrt", "least": "default"}]},
    })) %}
{% endmacro %}

{% test distribution_drift(
    model, column_name, date_column, method, warn_score, fail_score, noise_z, reference_days, noise_days, edges, segment_column,
    segments, min_segment_size, weight, on_missing, on_short, version
) %}
{{ gates.configure() }}
{% set args = gates.arguments(gates.distribution_drift_spec(), {
    "column_name": column_name, "date_column": date_column, "method": method, "warn_score": warn_score, "fail_score": fail_score,
    "noise_z": noise_z, "reference_days": reference_days, "noise_days": noise_days, "edges": edges,
    "segment_column": segment_column, "segments": segments, "min_segment_size": min_segment_size, "weight": weight,
    "on_missing": on_missing, "on_short": on_short, "version": version,
}, kwargs) %}
{% set evidence %}
with {{ gates.drift_scores(model, args) }},

judged as (
    select
        day_number,
        {{ gates.literal(args.method ~ " of " ~ args.column_name) }} as metric,
        segment,
        current_share as current_value,
        reference_share as reference_value,
        score as statistic,
        null as lower_bound,
        case when score > fail_bound then fail_bound else warn_bound end as upper_bound,
        score > fail_bound as is_gross,
        sample_size,
        case
            when sample_size = 0 then 'no_current'
            when sample_size < {{ args.min_segment_size }} then 'insufficient_history'
            when day_count < {{ args.reference_days // 2 }} or noise_count < {{ args.noise_days // 2 }} then 'insufficient_history'
            when score > warn_bound then 'out_of_bounds'
            else 'ok'
        end as reason
    from scored
)

{{ gates.evidence_rows("distribution_drift", "judged", args.on_missing, gates.gross_verdicts(args)) }}
{% endset %}
{{ gates.decided(evidence, model, args) }}
{% endtest %}
