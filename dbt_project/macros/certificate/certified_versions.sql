{# The versions of the data that a training certificate covers, one row (relation, version) each: the run date's partition
   of the source, the run date's partition of `interaction`, the whole training set, and the days that are left out of it. The later
   check of a certificate runs this same macro, so that there is one definition. #}
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
union all
select
    'excluded days' as relation,
    {{ gates.literal(gates.version_of_excluded_days()) }} as version
{% endmacro %}
