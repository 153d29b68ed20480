"""The settings of one run, read once from the environment and frozen."""

from __future__ import annotations

import datetime
import os
import re
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from training_pipeline.errors import PipelineError
from training_pipeline.roles import Role

TARGETS = ("embedded", "postgres")
LOCK_SECONDS_END = 1_000_000  # Postgres counts milliseconds in 32 bits


@dataclass(frozen=True)
class Settings:
    """Where the files are and which database the pipeline uses.

    Parameters
    ----------
    root : Path
        The checkout, which holds ``dbt_project/``, ``macros/`` and ``profiles.yml``.
    state_dir : Path
        The folder of everything outside the warehouse: the embedded server, artifacts, reports.
    target : str
        The dbt target, ``embedded`` or ``postgres``.
    schema : str
        The schema that dbt builds in.
    timezone : str
        IANA name of the time zone in which an instant has its day.
    database, mlflow_database : str
        The names of the warehouse and of MLflow's database.
    source : str
        The table that dbt reads, ``<schema>.<table>``; ``raw.interaction`` unless users name their table.
    role : Role
        Who asks the warehouse; each step has its role, everything else only reads.
    lock_seconds : float
        How long a command waits for another one that holds the schema; 0: not at all.

    Raises
    ------
    PipelineError
        A value is not valid; the message names the environment variable that sets it.
    """

    root: Path
    state_dir: Path
    target: str = "embedded"
    schema: str = "analytics"
    timezone: str = "America/New_York"
    database: str = "warehouse"
    mlflow_database: str = "mlflow"
    source: str = "raw.interaction"
    role: Role = Role.REPORT
    lock_seconds: float = 600

    def __post_init__(self) -> None:
        if self.target not in TARGETS:
            raise PipelineError(f"DBT_TARGET must be one of {', '.join(TARGETS)}, received {self.target!r}")
        if not (self.root / "dbt_project" / "dbt_project.yml").is_file():
            raise PipelineError(
                f"there is no dbt_project/dbt_project.yml in {self.root}: "
                "set TRAINING_PIPELINE_ROOT to the checkout"
            )
        names = (
            ("WAREHOUSE_SCHEMA", self.schema),
            ("EMBEDDED_DATABASE or PGDATABASE", self.database),
            ("MLFLOW_DATABASE", self.mlflow_database),
        )
        for variable, name in names:
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,62}", name):
                raise PipelineError(
                    f"{variable} must have at most 63 letters, digits and underscores and must not start "
                    f"with a digit, received {name!r}"
                )
        if self.database == self.mlflow_database:
            raise PipelineError(
                f"the warehouse and MLflow must have different databases, both are {self.database!r}: "
                "set MLFLOW_DATABASE to another name"
            )
        if not 0 <= self.lock_seconds < LOCK_SECONDS_END:
            raise PipelineError(
                f"LOCK_SECONDS (--lock-timeout) must be at least 0 and below {LOCK_SECONDS_END}, "
                f"received {self.lock_seconds!r}"
            )
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, OSError, ValueError) as error:  # a folder of zones is no zone
            raise PipelineError(
                f"TIMEZONE must be an IANA name such as Europe/Berlin, received {self.timezone!r}"
            ) from error

    @classmethod
    def load(cls) -> Settings:
        """Read the settings from the environment; unset and empty variables take their defaults."""

        def read(variable: str, default: str) -> str:
            return os.environ.get(variable) or default

        root = Path(read("TRAINING_PIPELINE_ROOT", str(Path(__file__).parents[2]))).resolve()
        target = read("DBT_TARGET", "embedded")
        database = "PGDATABASE" if target == "postgres" else "EMBEDDED_DATABASE"
        return cls(
            root=root,
            state_dir=Path(read("TRAINING_PIPELINE_STATE", str(root / ".state"))).resolve(),
            target=target,
            schema=read("WAREHOUSE_SCHEMA", "analytics"),
            timezone=read("TIMEZONE", "America/New_York"),
            database=read(database, "warehouse"),
            mlflow_database=read("MLFLOW_DATABASE", "mlflow"),
            source=f"{read('SOURCE_SCHEMA', 'raw')}.{read('SOURCE_TABLE', 'interaction')}",
            lock_seconds=_seconds(read("LOCK_SECONDS", "600")),
        )

    @property
    def loads_source(self) -> bool:
        """Whether dbt reads the table that `load` fills."""
        return self.source == "raw.interaction"

    @property
    def is_default_state(self) -> bool:
        """Whether the state folder is the default of the checkout, which a plain `dbt` also uses."""
        return self.state_dir == self.root / ".state"

    @property
    def dbt_output(self) -> Path:
        """The folder of ``target/`` and ``logs/``: dbt's default, or a separate one for another state folder."""
        return self.dbt_project if self.is_default_state else self.state_dir / "dbt"

    @property
    def dbt_project(self) -> Path:
        """The folder of the dbt project."""
        return self.root / "dbt_project"


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise PipelineError(f"LOCK_SECONDS must be a number of seconds, received {text!r}") from error


def resolve_run_date(value: str | None) -> datetime.date:
    """Return the run date: the option, else ``RUN_DATE``, else today in UTC.

    Parameters
    ----------
    value : str or None
        The option ``--run-date``.

    Raises
    ------
    PipelineError
        The value is not an ISO date (``YYYY-MM-DD``).

    Examples
    --------
    >>> resolve_run_date("2017-12-31")
    datetime.date(2017, 12, 31)
    """
    origin = "the run date (--run-date)" if value else "the environment variable RUN_DATE"
    text = value or os.environ.get("RUN_DATE")
    if not text:
        return datetime.datetime.now(datetime.UTC).date()
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            raise ValueError(text)
        return datetime.date.fromisoformat(text)
    except ValueError as error:
        raise PipelineError(f"{origin} must be a date as YYYY-MM-DD, received {text!r}") from error
