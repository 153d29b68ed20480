"""Write the report of a run date: a single HTML file with the verdict and its proof."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from gates.ledger import evidence
from gates.ledger.declared import Declared, declarations
from gates.ledger.words import bounds
from gates.render.cards import in_one_line
from gates.text import short
from training_pipeline.config import Settings
from training_pipeline.model.bootstrap import Interval
from training_pipeline.model.measurement import NO_REFERENCE
from training_pipeline.model.segments import MIN_SIZE, WHOLE
from training_pipeline.registry import challenger, history
from training_pipeline.registry import models as registry
from training_pipeline.registry.models import Registered
from training_pipeline.report import charts
from training_pipeline.roles import Role, acting_as
from training_pipeline.warehouse import ledger, ml_tables
from training_pipeline.warehouse.dbt import read_manifest
from training_pipeline.warehouse.postgres import connect
from training_pipeline.warehouse.required_gates import MODEL_GATE, required_data_gates, required_model_gates

_TEMPLATE = "report.html.j2"
_HISTORY_ROWS = 10
_TITLES = {
    history.PROMOTED: "Promoted",
    history.KEPT: "Champion kept",
    history.REJECTED: "Rejected",
    history.ROLLED_BACK: "Rolled back",
    history.RETIRED: "Retired",
    history.ADOPTED: "Champion kept",
}


@dataclass(frozen=True)
class Verdict:
    """The outcome of a run date.

    Attributes
    ----------
    outcome : str
        A decision of `registry.history`, 'stopped' or 'undecided'.
    title : str
        The outcome in a few words.
    reason : str
        A sentence.
    """

    outcome: str
    title: str
    reason: str


@dataclass(frozen=True)
class Report:
    """The data of the template; rows of gates are sorted with failures first."""

    run_date: dt.date
    verdict: Verdict
    data_gates: list[evidence.Row]
    model_gates: list[evidence.Row]
    evaluation: list[evidence.Row]
    decisions: list[evidence.Row]
    model: Registered | None
    declared: Mapping[str, Declared]

    def bounds(self, row: evidence.Row) -> str:
        """Return the bounds of a row of evidence in words."""
        return bounds(row, self.declared.get(row["node_id"], Declared()).spec)


@acting_as(Role.REPORT)
def write_report(settings: Settings, run_date: dt.date, stopped: str | None = None) -> Path:
    """Write the report of a run date to `<state>/reports/<run_date>.html`, even if a gate stopped the run.

    Parameters
    ----------
    settings : Settings
        The settings of the pipeline.
    run_date : date
        The run date of the report.
    stopped : str or None
        The reason why the run ended early, if the ledger does not contain it.

    Returns
    -------
    Path
        The file, which replaces an earlier report in one step.
    """
    html = render(collect(settings, run_date, stopped))
    folder = settings.state_dir / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{run_date}.html"
    part = file.with_suffix(".part")
    part.write_text(html, encoding="utf-8")
    part.replace(file)
    return file


def collect(settings: Settings, run_date: dt.date, stopped: str | None = None) -> Report:
    """Read the tables and the registry for a run date."""
    manifest = read_manifest(settings)
    latest = ledger.latest(settings, run_date)
    nodes: Mapping[str, Any] = manifest["nodes"]  # the report leaves out tests that the project no longer has
    model_side = {node_id for node_id in latest if node_id in nodes and MODEL_GATE in nodes[node_id]["tags"]}
    data_side = {node_id for node_id in latest if node_id in nodes} - model_side
    with connect(settings) as connection:
        ml_tables.ensure(connection)
        evaluation = ml_tables.latest_evaluation(connection, run_date)
        decisions = ml_tables.history(connection)
    evaluated_at = evaluation[0]["evaluated_at"] if evaluation else None
    data_gates = _rows(latest, data_side)
    model_gates = [
        row for row in _rows(latest, model_side) if evaluated_at and row["recorded_at"] > evaluated_at
    ]
    declared = declarations(manifest)
    verdict = _verdict(
        failed_data=evidence.failed(data_gates),
        absent_data=sorted(set(required_data_gates(manifest)) - set(latest)),
        evaluated=bool(evaluation),
        failed_model=evidence.failed(model_gates),
        absent_model=sorted(set(required_model_gates(manifest)) - {row["node_id"] for row in model_gates}),
        decision=_decision(decisions, run_date, evaluation),
        stopped=stopped,
        declared=declared,
    )
    before_training = verdict.outcome == "stopped" and (not evaluation or evidence.failed(data_gates) != [])
    return Report(
        run_date=run_date,
        verdict=verdict,
        data_gates=data_gates,
        model_gates=[] if before_training else model_gates,
        evaluation=[] if before_training else evaluation,
        decisions=decisions[-_HISTORY_ROWS:][::-1],
        declared=declared,
        model=None if before_training else _model(settings, run_date, evaluation[0]["model_version"]),
    )


def _model(settings: Settings, run_date: dt.date, version: str) -> Registered:
    """Return a version with what its training for the run date rested on."""
    model = registry.with_version(settings, version)
    return replace(model, tags={**model.tags, **challenger.facts_of_run(settings, run_date, version)})


def render(report: Report) -> str:
    """Return the report as HTML."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("training_pipeline.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"short": short, "bounds": report.bounds, "effect": evidence.effect}
    chart = _calibration_chart(report.evaluation)
    whole = [row for row in report.evaluation if row["segment"] == WHOLE]
    return environment.get_template(_TEMPLATE).render(
        report=report,
        chart=Markup(chart) if chart else None,
        metrics=[row for row in whole if row["reference"] == NO_REFERENCE],
        comparisons=[row for row in whole if row["reference"] != NO_REFERENCE],
        segments=sorted(
            (row for row in report.evaluation if _is_recency_gap(row)),
            key=lambda row: int(row["segment"].removeprefix("recency:").split("-")[0]),
        ),
        min_size=MIN_SIZE,
    )  # fmt: skip


def _verdict(
    *,
    failed_data: list[evidence.Row],
    absent_data: list[str],
    evaluated: bool,
    failed_model: list[evidence.Row],
    absent_model: list[str],
    decision: evidence.Row | None,
    stopped: str | None,
    declared: Mapping[str, Declared],
) -> Verdict:
    if failed_data:
        verdict = Verdict("stopped", "Stopped before training", in_one_line(failed_data, declared))
    elif absent_data:
        reason = f"{len(absent_data)} data gates have not run: {evidence.names(absent_data)}"
        verdict = Verdict("stopped", "Stopped before training", stopped or reason)
    elif not evaluated:
        reason = "No model has been trained and evaluated for this run date."
        verdict = Verdict("stopped", "No model", stopped or reason)
    elif failed_model:
        verdict = Verdict("stopped", "Stopped before promotion", in_one_line(failed_model, declared))
    elif stopped:
        verdict = Verdict("stopped", "Stopped", stopped)
    elif absent_model:
        reason = f"{len(absent_model)} model gates have not run since the evaluation"
        verdict = Verdict("undecided", "Not decided yet", f"{reason}: {evidence.names(absent_model)}")
    elif decision is None:
        reason = "All gates passed; the challenger waits for its promotion."
        verdict = Verdict("undecided", "Not decided yet", reason)
    else:
        reason = f"Version {decision['model_version']}: {decision['reason']}."
        verdict = Verdict(decision["decision"], _TITLES[decision["decision"]], reason)
    return verdict


def _decision(
    decisions: Iterable[evidence.Row], run_date: dt.date, evaluation: list[evidence.Row]
) -> evidence.Row | None:
    """Return the last decision about the model that was evaluated last for the run date."""
    about_it = [
        row
        for row in decisions
        if evaluation
        and (row["run_date"], row["model_version"]) == (run_date, evaluation[0]["model_version"])
    ]
    return about_it[-1] if about_it else None


def _is_recency_gap(row: evidence.Row) -> bool:
    return row["metric"] == "calibration_gap" and str(row["segment"]).startswith("recency:")


def _rows(latest: Mapping[str, list[evidence.Row]], node_ids: Iterable[str]) -> list[evidence.Row]:
    return evidence.failures_first(row for node_id in node_ids for row in latest[node_id])


def _calibration_chart(evaluation: Iterable[evidence.Row]) -> str | None:
    bins: dict[str, dict[str, Interval]] = {}
    for row in evaluation:
        if row["segment"].startswith("prediction:") and row["sample_size"]:
            interval = [
                math.nan if value is None else value for value in (row["value"], row["lower"], row["upper"])
            ]
            bins.setdefault(row["segment"], {})[row["metric"]] = Interval(*interval)
    if not bins:
        return None
    points = sorted(bins.values(), key=lambda metrics: metrics["mean_predicted"].value)
    return charts.calibration(
        [point["mean_predicted"].value for point in points], [point["actual_rate"] for point in points]
    )
