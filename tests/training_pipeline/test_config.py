import datetime
from pathlib import Path

import pytest

from training_pipeline.config import Settings, resolve_run_date
from training_pipeline.errors import GateStopped, PipelineError


def test_defaults(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("TRAINING_PIPELINE_STATE")
    settings = Settings.load()
    assert settings.is_default_state
    assert (settings.target, settings.schema, settings.timezone) == (
        "embedded",
        "analytics",
        "America/New_York",
    )
    assert (settings.database, settings.mlflow_database) == ("warehouse", "mlflow")
    assert settings.loads_source
    assert settings.dbt_output == settings.dbt_project


def test_empty_variables_are_unset_ones(environment: pytest.MonkeyPatch) -> None:
    for name in ("DBT_TARGET", "WAREHOUSE_SCHEMA", "TIMEZONE", "EMBEDDED_DATABASE", "SOURCE_SCHEMA"):
        environment.setenv(name, "")
    settings = Settings.load()
    assert (settings.target, settings.schema, settings.source) == ("embedded", "analytics", "raw.interaction")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("DBT_TARGET", "oracle", r"DBT_TARGET must be one of embedded, postgres, received 'oracle'"),
        ("TIMEZONE", "Mars/Olympus", r"TIMEZONE must be an IANA name .*, received 'Mars/Olympus'"),
        ("TIMEZONE", "../etc/passwd", r"TIMEZONE must be an IANA name"),
        ("TIMEZONE", "America", r"TIMEZONE must be an IANA name .*, received 'America'"),
        ("TIMEZONE", "America/Argentina", r"TIMEZONE must be an IANA name"),
        ("TIMEZONE", "zone.tab", r"TIMEZONE must be an IANA name"),
        ("TIMEZONE", "x" * 300, r"TIMEZONE must be an IANA name"),
        ("TIMEZONE", "\x1b[2J", r"received '\\x1b\[2J'"),
        (
            "WAREHOUSE_SCHEMA",
            "a-b",
            r"WAREHOUSE_SCHEMA must have at most 63 letters, digits .* received 'a-b'",
        ),
        ("EMBEDDED_DATABASE", "9lives", r"EMBEDDED_DATABASE or PGDATABASE must have .* received '9lives'"),
        ("MLFLOW_DATABASE", "warehouse", r"must have different databases, both are 'warehouse'"),
        ("TRAINING_PIPELINE_ROOT", "/", r"set TRAINING_PIPELINE_ROOT to the checkout"),
    ],
)
def test_unusable_value_names_its_variable(
    environment: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    environment.setenv(name, value)
    with pytest.raises(PipelineError, match=message):
        Settings.load()


def test_run_date_is_the_option_then_the_variable_then_today(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("RUN_DATE", "2017-03-31")
    assert resolve_run_date("2017-04-30") == datetime.date(2017, 4, 30)
    assert resolve_run_date(None) == datetime.date(2017, 3, 31)
    environment.delenv("RUN_DATE")
    assert abs(resolve_run_date(None) - datetime.datetime.now(datetime.UTC).date()) <= datetime.timedelta(
        days=1
    )


@pytest.mark.parametrize("text", ["2017-02-30", "30.04.2017", "20170430", "2017-W17-7", "today"])
def test_run_date_that_is_none(environment: pytest.MonkeyPatch, text: str) -> None:
    with pytest.raises(PipelineError, match=rf"--run-date\) must be a date as YYYY-MM-DD, received '{text}'"):
        resolve_run_date(text)
    environment.setenv("RUN_DATE", text)
    with pytest.raises(PipelineError, match="the environment variable RUN_DATE must be a date"):
        resolve_run_date(None)


def test_exit_codes() -> None:
    assert (PipelineError.exit_code, GateStopped.exit_code) == (1, 3)
    assert GateStopped("stopped", [{"gate": "row_existence"}]).evidence == [{"gate": "row_existence"}]


def test_state_may_be_elsewhere(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment.setenv("TRAINING_PIPELINE_STATE", str(tmp_path))
    settings = Settings.load()
    assert settings.state_dir == tmp_path
    assert not settings.is_default_state
    assert settings.dbt_output == tmp_path / "dbt"
