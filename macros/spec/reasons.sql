{# The words for the reasons that several gates give. `reasons` in the spec of a gate adds to them or replaces some:
     note       the end of a printed line
     sentence   what a card says, with parts in braces like the `sentence` of a spec; a reason without a sentence takes that one #}
{% macro shared_reasons() %}
    {% do return({
        "out_of_bounds": {"note": "out of bounds"},
        "no_current": {"note": "no rows on the day that is judged", "sentence": "{no_rows}"},
        "not_applicable": {"note": "nothing to judge", "sentence": "not applicable: {no_rows}"},
        "no_reference": {
            "note": "no rows on the day it is compared with", "sentence": "{current}, but no rows {reference_day} to compare with",
        },
        "null_value": {"note": "NULL, NaN or infinite", "sentence": "{unusable}"},
        "zero_value": {"note": "a zero has no ratio", "sentence": "{current}{compared}: a zero cannot be compared"},
        "sign_change": {"note": "the sign has changed", "sentence": "{current}{compared}: the sign has changed"},
        "insufficient_history": {"note": "too few rows or days to decide", "sentence": "{too_little}"},
        "query_error": {"note": "the query failed", "sentence": "the query failed, so nothing was proven"},
    }) %}
{% endmacro %}
