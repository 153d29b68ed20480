{# The version of the data that a training certificate stands for: one row (relation, version) each for the run date's
   partition of the source and of `interaction`, and for the whole training set. What checks a certificate later runs
   this same macro, so that there is one definition. #}
{% macro certified_versions() %}
{% set run_date = gates.run_date() %}
select
    'raw.interaction' as relation,
    version
from ({{ gates.data_version(source("raw", "interaction"), "interaction_date", run_date) }}) as source_version
union all
select
    'interaction' as relation,
    version
from ({{ gates.data_version(ref("interaction"), "interaction_date", run_date) }}) as interaction_version
union all
select
    'training_set' as relation,
    version
from ({{ gates.data_version(ref("training_set")) }}) as training_set_version
{% endmacro %}
