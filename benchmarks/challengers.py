"""How often the model gates reject challengers that are as good as the champion, and challengers that are not."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from benchmarks.judging import FIT, PREDICTED, Verdict, blocking, judge
from training_pipeline.config import Settings
from training_pipeline.model import estimators, referees
from training_pipeline.model.dataset import Dataset, Floats, Split, split_by_time
from training_pipeline.model.measurement import Measurement, Reference
from training_pipeline.model.measuring import measure
from training_pipeline.roles import Role
from training_pipeline.steps import serving_evidence
from training_pipeline.steps.rows import read

_PARTS = {"a third of the customers": 3, "an eighth of the customers": 8}
_CHAIN = 12  # promotions in a row
_CHAIN_STEP = 0.12  # standard deviation of the noise that each model of the chain adds to the logits


def run(run_date: dt.date, refits: int) -> None:
    """Print, for the training set of the last `make run`, what share of each kind of challenger is rejected."""
    settings = replace(Settings.load(), role=Role.ADMINISTRATOR)
    parts = split_by_time(read(settings, run_date))
    bench = Bench(parts, estimators.choose(parts.train, parts.validation).name)
    generator = np.random.default_rng(estimators.SEED)
    customers = np.unique(parts.fitted.customer_id)
    bootstraps = [bench.fit(generator.choice(customers, len(customers))) for _ in range(refits)]
    kinds: dict[str, list[list[Measurement]]] = {
        "refit on equal data: one bootstrap against another": [
            bench.measured(one, other) for one, other in pairwise(bootstraps)
        ],
        "refit on a bootstrap against all data": [
            bench.measured(one, bench.full) for one in bootstraps[: refits // 2]
        ],
    }
    for name, divisor in _PARTS.items():
        kinds[name] = [
            bench.measured(
                bench.fit(generator.choice(customers, len(customers) // divisor, False)), bench.full
            )
            for _ in range(max(2, refits // 4))
        ]
    kinds["chain"] = _chain(bench, generator)
    served = serving_evidence.measurements(FIT, PREDICTED)
    named = {
        f"{kind} #{number}": [*measurements, *served]
        for kind, all_of_kind in kinds.items()
        for number, measurements in enumerate(all_of_kind)
    }
    verdicts = judge(settings, named)
    chain = kinds.pop("chain")
    _print_shares(kinds, verdicts)
    _print_chain(chain, [blocking(verdicts[f"chain #{number}"]) for number in range(len(chain))])


@dataclasses.dataclass
class Bench:
    """A split of the data, its referees, and a model of all of it."""

    parts: Split
    estimator: str

    def __post_init__(self) -> None:
        self.referees = referees.references(self.parts.fitted, self.parts.test)
        self.full = self.fit(np.unique(self.parts.fitted.customer_id))

    def fit(self, customers: npt.NDArray[np.int64]) -> Floats:
        """The test predictions of a model of these customers, each as often as it is named."""
        fitted = self.parts.fitted
        order = np.argsort(fitted.customer_id, kind="stable")
        starts = np.searchsorted(fitted.customer_id[order], customers, side="left")
        ends = np.searchsorted(fitted.customer_id[order], customers, side="right")
        rows = np.concatenate([order[start:end] for start, end in zip(starts, ends, strict=True)])
        return estimators.predict(estimators.fit(self.estimator, _take(fitted, rows)), self.parts.test.frame)

    def measured(
        self, challenger: Floats, champion: Floats, anchor: Floats | None = None
    ) -> list[Measurement]:
        """What is measured of a challenger beside a champion, which is also the anchor unless one is given."""
        references = self.referees | {
            "champion": Reference(champion, "1", by_segment=True),
            "anchor": Reference(champion if anchor is None else anchor, "1"),
        }
        return measure(self.parts.test, challenger, references, seed=estimators.SEED)


def _take(dataset: Dataset, rows: npt.NDArray[np.int64]) -> Dataset:
    return Dataset(
        dataset.features,
        dataset.snapshot_date[rows],
        dataset.customer_id[rows],
        dataset.values[rows],
        dataset.label_end_date[rows],
        dataset.label[rows],
    )


def _chain(bench: Bench, generator: np.random.Generator) -> list[list[Measurement]]:
    """Models that each lose a little to the one before, as if each had been promoted; the first is the anchor."""
    logit = np.log(bench.full) - np.log1p(-bench.full)
    champion, chain = bench.full, []
    for _ in range(_CHAIN):
        logit = logit + generator.normal(0, _CHAIN_STEP, len(logit))
        challenger: Floats = 1 / (1 + np.exp(-logit))
        chain.append(bench.measured(challenger, champion, anchor=bench.full))
        champion = challenger
    return chain


def _print_shares(
    kinds: Mapping[str, Sequence[Sequence[Measurement]]], verdicts: Mapping[str, Sequence[Verdict]]
) -> None:
    print("| challengers | number | rejected | by |\n|---|---|---|---|")
    for kind, challengers in kinds.items():
        reasons = [blocking(verdicts[f"{kind} #{number}"]) for number in range(len(challengers))]
        gates = Counter(gate for found in reasons for gate in found)
        named = ", ".join(f"`{gate}` {count}" for gate, count in gates.most_common(3)) or "none"
        share = sum(bool(found) for found in reasons) / len(reasons)
        print(f"| {kind} | {len(reasons)} | {share:.1%} | {named} |")


def _print_chain(chain: Sequence[Sequence[Measurement]], reasons: Sequence[set[str]]) -> None:
    print(
        "\n| promotion | log loss | gain on the champion | gain on the anchor | rejected by |\n|---|---|---|---|---|"
    )
    for number, (measurements, gates) in enumerate(zip(chain, reasons, strict=True), 1):
        loss = {
            row.reference: row for row in measurements if row.metric == "log_loss" and row.segment == "all"
        }
        gains = [
            f"{row.difference.value:+.4f} ({row.difference.lower:+.4f}, {row.difference.upper:+.4f})"
            for row in (loss["champion"], loss["anchor"])
            if row.difference is not None
        ]
        value = loss["none"].value.value
        print(f"| {number} | {value:.4f} | {' | '.join(gains)} | {', '.join(sorted(gates)) or 'none'} |")
        if gates:
            return
