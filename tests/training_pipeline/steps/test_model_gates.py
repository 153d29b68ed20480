"""Bad challengers, and which model gate of the project sees each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from benchmarks.judging import FIT, PREDICTED, Verdict, blocking, judge

from training_pipeline.config import Settings
from training_pipeline.model.dataset import Dataset, Floats, from_table, split_by_time
from training_pipeline.model.measurement import Measurement, Reference
from training_pipeline.model.measuring import measure
from training_pipeline.model.referees import references
from training_pipeline.registry.fitness import Fitness
from training_pipeline.steps.serving_evidence import measurements

from .rows import RUN_DATE, training_rows

CUSTOMERS = 1_500
_GENERATOR = np.random.default_rng(5)


def _parts() -> tuple[Dataset, Dataset, Floats]:
    """Fitted rows, test rows, and the probability that the test labels were drawn with."""
    parts = split_by_time(from_table(training_rows(customers=CUSTOMERS), RUN_DATE))
    recency = parts.test.frame["recency_days"].to_numpy()
    # a second sign of life, which the label depends on too: else recency alone were the model
    draws = {name: np.random.default_rng(seed).normal(size=len(part))
             for seed, (name, part) in enumerate((("fitted", parts.fitted), ("test", parts.test)))}  # fmt: skip
    fitted, test = (
        _with_activity(part, draws[name]) for name, part in (("fitted", parts.fitted), ("test", parts.test))
    )
    logit = 6 - 1.3 * np.log1p(recency) + 1.5 * draws["test"]
    return fitted, test, 1 / (1 + np.exp(-logit))


def _with_activity(part: Dataset, activity: Floats) -> Dataset:
    recency = part.frame["recency_days"].to_numpy()
    logit = 6 - 1.3 * np.log1p(recency) + 1.5 * activity
    label = (np.random.default_rng(len(part)).random(len(part)) < 1 / (1 + np.exp(-logit))).astype(np.int64)
    return replace(
        part,
        features=(*part.features, "activity"),
        values=np.column_stack([part.values, activity]),
        label=label,
    )


def _logit(predicted: Floats) -> Floats:
    found: Floats = np.log(predicted) - np.log1p(-predicted)
    return found


def _odds(factor: float, stretch: float = 1.0) -> Callable[[Floats, Dataset], Floats]:
    return lambda predicted, _: 1 / (1 + np.exp(-(stretch * _logit(predicted) + np.log(factor))))


def _noisy(predicted: Floats, test: Dataset) -> Floats:
    return 1 / (1 + np.exp(-(_logit(predicted) + _GENERATOR.normal(0, 1, len(test)))))


def _recent(change: Callable[[Floats], Floats]) -> Callable[[Floats, Dataset], Floats]:
    """Changes the customers of one segment: last seen 31 to 90 days ago."""

    def changed(predicted: Floats, test: Dataset) -> Floats:
        recency = test.frame["recency_days"].to_numpy()
        return np.where((recency > 30) & (recency <= 90), change(predicted), predicted)

    return changed


BAD: dict[str, tuple[Callable[[Floats, Dataset], Floats], str]] = {
    "a leaked label": (lambda _, test: np.where(test.label == 1, 0.99, 0.01), "challenger_is_not_too_good_for_champion"),
    "a label that leaked for every third customer": (
        lambda predicted, test: np.where(test.customer_id % 3 == 0, 0.01 + 0.98 * test.label, predicted),
        "challenger_is_not_too_sure_for_champion",
    ),
    "proven worse": (_noisy, "challenger_auc_is_not_worse_than_champion"),
    "odds doubled": (_odds(2.0), "challenger_log_loss_is_not_worse_than_champion"),
    "odds halved": (_odds(0.5), "challenger_is_calibrated_as_champion"),
    "too sure": (_odds(1.0, 1.5), "challenger_logits_are_not_stretched"),
    "not sure enough": (_odds(1.0, 0.65), "challenger_logits_are_not_stretched"),
    "a segment inverted": (_recent(lambda found: 1 - found), "challenger_is_not_worse_than_champion_in_segments"),
    "a segment constant": (
        _recent(lambda found: np.full(len(found), 0.6)), "challenger_is_not_worse_than_champion_in_segments"
    ),
    "beyond 1": (lambda found, _: np.where(found > 0.99, 1.2, found), "challenger_predicts_probabilities"),
    "no number": (lambda found, test: np.where(test.customer_id == 7, np.nan, found), "challenger_predicts_probabilities"),
    "everybody the same": (lambda found, _: np.full(len(found), 0.7), "challenger_beats_base_rate"),
}  # fmt: skip


UNFIT = {
    "served otherwise": replace(FIT, predicted=PREDICTED + 2e-9),
    "dependent on the batch": replace(FIT, batch_dependence=2e-9),
    "takes a wrong input": replace(FIT, accepted=("recency_days missing",)),
    "slow for a row": replace(FIT, row_seconds=5.0),
    "slow for a batch": replace(FIT, batch_seconds=6.0),
    "3 GB": replace(FIT, memory=3 * 2**30),
    "no number for a row": replace(FIT, predicted=np.append(PREDICTED[:-1], np.nan)),
    "not served": Fitness(trouble="weights.txt is missing"),
}


@pytest.fixture(scope="module")
def verdicts(server: Settings, copy_database: Callable[[str, str], None]) -> dict[str, list[Verdict]]:
    """What the gates say of all challengers of this file."""
    copy_database("template_empty", server.database)
    fitted, test, predicted = _parts()
    referees = references(fitted, test)
    champion = {name: Reference(predicted, "1", by_segment=True) for name in ("champion", "anchor")}
    cases: dict[str, list[Measurement]] = {
        name: measure(test, change(predicted, test), referees | champion, seed=1)
        for name, (change, _) in BAD.items()
    }
    cases["as good"] = measure(test, _odds(1.02)(predicted, test), referees | champion, seed=1)
    cases["the first"] = measure(test, predicted, referees, seed=1)
    lost = {name: Reference(None, "1", note="fitted on the test snapshot") for name in ("champion", "anchor")}
    cases["not comparable"] = measure(test, predicted, referees | lost, seed=1)
    one_label = replace(test, label=np.ones_like(test.label))
    cases["one label"] = measure(one_label, predicted, referees | champion, seed=1)
    few = test.where(np.arange(len(test)) < 40)
    cases["few"] = measure(few, predicted[:40], references(fitted, few), seed=1)
    served = measurements(FIT, PREDICTED)
    cases = {name: [*rows, *served] for name, rows in cases.items()}
    healthy = measure(test, predicted, referees, seed=1)
    for name, unfit in UNFIT.items():
        cases[name] = [*healthy, *measurements(unfit, PREDICTED)]
    cases["never served"] = healthy
    return judge(server, cases)


@pytest.mark.parametrize(("name", "gate"), [(name, gate) for name, (_, gate) in BAD.items()])
def test_bad_challenger_is_rejected_by_the_gate_that_should_see_it(
    verdicts: dict[str, list[Verdict]], name: str, gate: str
) -> None:
    assert gate in blocking(verdicts[name])


@pytest.mark.parametrize("name", [*UNFIT, "never served"])
def test_challenger_that_cannot_be_served_is_rejected_for_that_alone(
    verdicts: dict[str, list[Verdict]], name: str
) -> None:
    assert blocking(verdicts[name]) == {"challenger_is_fit_for_serving"}


@pytest.mark.parametrize("name", ["as good", "the first", "not comparable"])
def test_good_challenger_is_not_rejected(verdicts: dict[str, list[Verdict]], name: str) -> None:
    assert blocking(verdicts[name]) == set()


def test_test_snapshot_of_one_label_is_undecided(verdicts: dict[str, list[Verdict]]) -> None:
    [found] = [row for row in verdicts["one label"] if row.gate == "challenger_test_has_both_labels"]
    assert (found.blocks, found.current_value) == (True, 0)
    [undefined] = [row for row in verdicts["one label"] if row.gate == "challenger_auc"]
    assert (undefined.blocks, undefined.reason) == (True, "null_value"), "NaN passes no gate"


def test_few_customers_are_undecided(verdicts: dict[str, list[Verdict]]) -> None:
    [found] = [row for row in verdicts["few"] if row.gate == "challenger_test_customers"]
    assert (found.blocks, found.current_value) == (True, 40)
    small = [row for row in verdicts["few"] if row.reason == "insufficient_history"]
    assert small, "a segment of fewer than 30 customers is listed as such"
    assert not any(row.blocks for row in small)
