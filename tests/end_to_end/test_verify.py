"""`training-pipeline verify` recomputes the chain from the rows: each link that somebody has changed is named, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from training_pipeline.config import Settings
from training_pipeline.registry import models as registry
from training_pipeline.registry.models import CHAMPION

from .conftest import RUN_DATE, Command, execute

DAY = "2017-02-11"  # long before the run date, whose rows alone have a version in the certificate

# statement, statement that undoes it, links that do not hold
TAMPERED = {
    "an old row of the source": (
        f"update raw.interaction set amount = amount + 1 where interaction_date = '{DAY}' and store_id = 367",
        f"update raw.interaction set amount = amount - 1 where interaction_date = '{DAY}' and store_id = 367",
        {"interaction"},
    ),
    "an old day of the profile": (
        f"update analytics.interaction_daily set amount_sum = amount_sum * 2 where profile_date = '{DAY}'",
        f"update analytics.interaction_daily set amount_sum = amount_sum / 2 where profile_date = '{DAY}'",
        {"interaction_daily"},
    ),
    "a view replaced by a table": (
        "alter view analytics.stg_interaction rename to kept;"
        " create table analytics.stg_interaction as select * from analytics.kept limit 100",
        "drop table analytics.stg_interaction; alter view analytics.kept rename to stg_interaction",
        {"stg_interaction", "interaction"},
    ),
    "two features swapped": (
        "alter table analytics.training_set rename recency_days to kept;"
        " alter table analytics.training_set rename tenure_days to recency_days;"
        " alter table analytics.training_set rename kept to tenure_days",
        "alter table analytics.training_set rename recency_days to kept;"
        " alter table analytics.training_set rename tenure_days to recency_days;"
        " alter table analytics.training_set rename kept to tenure_days",
        {"training_set", "certificate"},
    ),
}


def _broken(command: Command) -> set[str]:
    ended = command("verify", str(RUN_DATE))
    found = ended.printed.rpartition("does not hold: ")[2] if ended.exit_code else ""
    assert ended.exit_code == (3 if found else 0), ended.printed
    return set(found.split(", ")) - {""}


def test_each_link_that_was_changed_is_named(pipeline_settings: Settings, command: Command) -> None:
    assert command("run", "--fixture", "--run-date", str(RUN_DATE)).exit_code == 0
    assert _broken(command) == set(), "nobody has changed anything"

    for what, (statement, undo, links) in TAMPERED.items():
        execute(pipeline_settings, statement)
        assert _broken(command) == links, what
        execute(pipeline_settings, undo)

    [file] = Path(registry.artifact_root(pipeline_settings)).rglob("MLmodel")
    content = file.read_bytes()
    file.write_bytes(content + b"\n")
    assert _broken(command) == {"challenger", "champion"}, "a byte of the model's files"
    file.write_bytes(content)

    registry.client(pipeline_settings).delete_registered_model_alias(registry.MODEL_NAME, CHAMPION)
    assert _broken(command) == {"champion"}, "the alias is gone"


@pytest.mark.usefixtures("pipeline_settings")
def test_a_day_that_was_never_run_has_no_proof(command: Command) -> None:
    ended = command("verify", "2017-04-29")
    assert ended.exit_code == 3
    assert "broken tables and certificate nothing was certified yet" in ended.printed
