"""One file that shows the verdict and its proof, also when there is no model."""

from __future__ import annotations

import re

from training_pipeline.config import Settings
from training_pipeline.report.page import write_report
from training_pipeline.steps.promote import promote

from .project import build_data, build_model_gates, execute, load
from .rows import RUN_DATE


def _text(settings: Settings, stopped: str | None = None) -> str:
    file = write_report(settings, RUN_DATE, stopped)
    assert file == settings.state_dir / "reports" / "2017-06-30.html"
    return file.read_text()


def test_promoted(evaluated: Settings) -> None:
    promote(evaluated, RUN_DATE)
    html = _text(evaluated)
    assert html.index("<h1>Promoted</h1>") < html.index("Data gates") < html.index("Model gates")
    assert "all model gates passed" in html
    assert all(metric in html for metric in ("auc", "log_loss", "recency_only", "avg(amount)", "Provenance"))
    assert "undecided: fewer than 30" in html
    assert "<svg" in html


def test_not_promoted_yet(evaluated: Settings) -> None:
    assert "<h1>Not decided yet</h1>" in _text(evaluated)


def test_data_gate_stopped_the_run_after_an_earlier_success(evaluated: Settings) -> None:
    promote(evaluated, RUN_DATE)
    load(evaluated, amounts=(200.0, 400.0))
    build_data(evaluated)
    html = _text(evaluated)
    assert "<h1>Stopped before training</h1>" in html
    assert (
        "amount_is_plausible on analytics.interaction: avg(amount) is 300, allowed at least 1 and at most 10"
        in html
    )
    assert html.index('<span class="badge fail">') < html.index('<span class="badge pass">')
    assert "Provenance" not in html
    assert "<svg" not in html


def test_model_gate_stopped_the_run(evaluated: Settings) -> None:
    execute(evaluated, "update ml.model_evaluation set value = 0.55 where metric = 'auc'")
    build_model_gates(evaluated)
    html = _text(evaluated)
    assert "<h1>Stopped before promotion</h1>" in html
    assert re.search("min\\(value\\).* is 0.55, allowed at least 0.6", html)
    assert "Provenance" in html


def test_no_model(built: Settings) -> None:
    assert "No model has been trained and evaluated" in _text(built)
    assert "the data have changed" in _text(built, stopped="the data have changed")


def test_gates_that_have_not_run(built: Settings) -> None:
    execute(built, "delete from analytics.gate_results where node_id like '%label_is_known%'")
    assert "1 data gates have not run: label_is_known" in _text(built)


def test_text_from_the_data_is_escaped(built: Settings) -> None:
    execute(built, "update analytics.gate_results set segment = '<script>alert(1)</script>'")
    html = _text(built)
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


def test_asks_no_other_host(evaluated: Settings) -> None:
    html = _text(evaluated)
    assert not re.search(r"<(script|link|img|iframe)|@import|url\((?!#)|(src|href)=\"(?!#)", html)


def test_same_run_same_report(evaluated: Settings) -> None:
    assert _text(evaluated) == _text(evaluated)
