"""Find what would see a fault that no bound sees: a control total, a longer window or segments, as far as the days show."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

import numpy as np

from gates.days.gate import Gate
from gates.ledger.evidence import Row
from gates.tuning.scales import statistics_of
from gates.tuning.suggestion import Key, Suggestion
from gates.tuning.tail import quantile_limit

WINDOW = 7  # days: a fault that lasts longer becomes the reference of the next week
MOVED = 2.0  # the score with the fault over the score of the same days without it
LEAST_CHANGE = 0.001  # share of a total: the tolerance that a control total needs where each line is rounded
TOTAL = re.compile(r"(sum|count)\([^()]*\)")

Days = dict[dt.date, float]


@dataclass(frozen=True)
class Evidence:
    """By bound and day: the statistic, the log of the value, and the log of its reference."""

    statistic: dict[Key, Days] = field(default_factory=lambda: defaultdict(dict))
    value: dict[Key, Days] = field(default_factory=lambda: defaultdict(dict))
    reference: dict[Key, Days] = field(default_factory=lambda: defaultdict(dict))

    @classmethod
    def of(cls, rows: Iterable[Row], gates: Iterable[Gate]) -> Evidence:
        """Collect rows of evidence; a value or reference that is no number above zero is left out."""
        found, by_id = cls(), {gate.node_id: gate for gate in gates}
        for row in rows:
            day = row["run_date"]
            for bound, statistic in statistics_of(by_id[row["node_id"]], row).items():
                key = Key(row["node_id"], row["metric"], row["segment"], bound)
                if statistic is not None:
                    found.statistic[key][day] = statistic
                for side, name in ((found.value, "current_value"), (found.reference, "reference_value")):
                    if (number := _positive(row[name])) is not None:
                        side[key][day] = math.log(number)
        return found


@dataclass(frozen=True)
class Nearest:
    """The metric that would see a fault on half of the days with the fewest false alarms.

    Attributes
    ----------
    false_alarms : float
        Share of healthy days, 0 to 1, on which it would then alarm; best is 0.0.
    """

    suggestion: Suggestion
    false_alarms: float


def nearest(faulty: Evidence, healthy: Evidence, found: Sequence[Suggestion]) -> Nearest | None:
    """Return the metric that is nearest to seeing a fault; None where no metric has a statistic on days with and without it."""
    costs = []
    for suggestion in found:
        with_fault, without = (side.statistic[suggestion.key].values() for side in (faulty, healthy))
        if with_fault and without:
            needed = median(with_fault)
            costs.append(Nearest(suggestion, sum(value >= needed for value in without) / len(without)))
    return min(costs, key=lambda cost: cost.false_alarms, default=None)


def remedies(faulty: Evidence, healthy: Evidence, found: Sequence[Suggestion], budget: float) -> list[str]:
    """Return what would see a fault, each with its numbers; empty where the days show no way."""
    ways = (_control_total(faulty, healthy, found), _window(faulty, healthy, found, budget))
    return [way for way in (*ways, _segment(faulty, healthy, found)) if way]


def _control_total(faulty: Evidence, healthy: Evidence, found: Sequence[Suggestion]) -> str | None:
    totals = [each for each in found if TOTAL.fullmatch(each.expression)]
    shifts = {each.expression: shift for each, shift in _shifts(faulty, healthy, totals)}
    changed = {name: math.expm1(shift) for name, shift in shifts.items() if abs(shift) > LEAST_CHANGE}
    if not changed:
        return None
    name = max(changed, key=lambda name: abs(changed[name]))
    return f"a control total of the source: {name} is {_percent(changed[name])}"


def _window(faulty: Evidence, healthy: Evidence, found: Sequence[Suggestion], budget: float) -> str | None:
    """Return the metric whose shift by the fault is largest compared with the usual shift of its weekly mean."""
    best: tuple[float, str] | None = None
    for each, shift in _shifts(faulty, healthy, found):
        reference = healthy.reference[each.key]
        ratios = {
            day: log - reference[day] for day, log in healthy.value[each.key].items() if day in reference
        }
        means = dict(_means(ratios))
        if budget * len(means) < 1 or not each.scale.compares_metric:
            continue
        usual = quantile_limit(
            [abs(mean) for mean in means.values()], [day.toordinal() for day in means], budget
        )
        if abs(shift) > usual and (best is None or abs(shift) / usual > best[0]):
            text = (
                f"the mean of {WINDOW} days, of a fault that lasts as long: {each.expression} is"
                f" {_percent(math.expm1(shift))}, and such a mean keeps within {100 * math.expm1(usual):.0f} %"
            )
            best = abs(shift) / usual, text
    return best[1] if best else None


def _segment(faulty: Evidence, healthy: Evidence, found: Sequence[Suggestion]) -> str | None:
    moved = {}
    for each in found:
        with_fault, without = (side.statistic[each.key] for side in (faulty, healthy))
        ratios = [value / without[day] for day, value in with_fault.items() if without.get(day)]
        if each.scale.by_segment and ratios:
            moved[each.gate.part(each.key.segment)] = median(ratios)
    if not moved:
        return None
    name = max(moved, key=lambda name: moved[name])
    if moved[name] < MOVED:
        return None
    return f"a gate for each segment: the shares that {name} looks at move {moved[name]:.1f} times as far as without it"


def _shifts(
    faulty: Evidence, healthy: Evidence, found: Iterable[Suggestion]
) -> Iterator[tuple[Suggestion, float]]:
    """Yield the metrics that a fault moves, each with the median log ratio of its value with the fault to its value without."""
    for each in found:
        healthy_value = healthy.value[each.key]
        logs = [
            log - healthy_value[day] for day, log in faulty.value[each.key].items() if day in healthy_value
        ]
        if logs and median(logs) != 0:
            yield each, median(logs)


def _means(by_day: Mapping[dt.date, float]) -> Iterator[tuple[dt.date, float]]:
    """Yield the mean over each `WINDOW` successive days of the series, with the last of these days."""
    days = sorted(by_day)
    values = np.array([by_day[day] for day in days])
    for index in range(WINDOW, len(days) + 1):
        yield days[index - 1], float(values[index - WINDOW : index].mean())


def _positive(text: object) -> float | None:
    try:
        number = float(str(text))
    except ValueError:
        return None
    return number if 0 < number < math.inf else None


def _percent(change: float) -> str:
    return f"{abs(100 * change):.0f} % {'higher' if change > 0 else 'lower'}"
