"""The formulas of the gates that look back, written a second time in plain Python."""

import math
import statistics
from collections.abc import Mapping

MAD_TO_SD = 1.4826


def robust_z(
    series: Mapping[int, float], weeks: int, noise_days: int, min_noise: float
) -> tuple[float | None, float | None, int, int]:
    """Return the distance between day 0 and the same weekday of the weeks before.

    Parameters
    ----------
    series : value by day, 0 the run date, days before it negative; zeros are no history

    Returns
    -------
    median of the weekday, z, number of weekdays, number of ratios that the noise is made of
    """
    history = {day: value for day, value in series.items() if day < 0 and value != 0}

    def weekdays(day: int) -> list[float]:
        return [history[day - 7 * week] for week in range(1, weeks + 1) if day - 7 * week in history]

    def ratio(day: int) -> float | None:
        past = weekdays(day)
        if day not in series or not past or series[day] * statistics.median(past) <= 0:
            return None
        return math.log(series[day] / statistics.median(past))

    ratios = [r for day in range(-noise_days, 0) if day in history and (r := ratio(day)) is not None]
    reference = statistics.median(weekdays(0)) if weekdays(0) else None
    today = ratio(0)
    noise = MAD_TO_SD * _mad(ratios) if ratios else 0.0
    z = None if today is None else abs(today) / max(noise, min_noise)
    return reference, z, len(weekdays(0)), len(ratios)


def drift(
    series: Mapping[int, Mapping[str, int]], method: str, reference_days: int, noise_days: int, noise_z: float
) -> tuple[float, float, int, int]:
    """Return the distance between the distributions of day 0 and of the days before, and the usual distance.

    Parameters
    ----------
    series : rows by day and bucket

    Returns
    -------
    score, the noise's bound, days of the reference, days that the noise is made of
    """

    def reference(day: int) -> tuple[dict[str, int], int]:
        days = [series[d] for d in range(day - reference_days, day) if d in series]
        buckets = {bucket for counts in days for bucket in counts}
        return {b: sum(counts.get(b, 0) for counts in days) for b in buckets}, len(days)

    past = [d for d in range(-noise_days, 0) if d in series and reference(d)[1] >= reference_days // 2]
    logs = [math.log(max(_score(series[d], reference(d)[0], method), 1e-12)) for d in past]
    counts, day_count = reference(0)
    bound = math.exp(statistics.median(logs) + noise_z * MAD_TO_SD * _mad(logs)) if logs else math.nan
    return _score(series[0], counts, method), bound, day_count, len(logs)


def _score(current: Mapping[str, int], reference: Mapping[str, int], method: str) -> float:
    unseen = sum(count for bucket, count in current.items() if bucket not in reference)
    pairs = [(current.get(bucket, 0), count) for bucket, count in reference.items()]
    if unseen:
        pairs.append((unseen, 0))
    all_current, all_reference = (sum(pair[i] + 0.5 for pair in pairs) for i in (0, 1))
    shares = [((n + 0.5) / all_current, (m + 0.5) / all_reference) for n, m in pairs]
    if method == "psi":
        return sum((p - q) * math.log(p / q) for p, q in shares)
    return sum(p * math.log2(2 * p / (p + q)) + q * math.log2(2 * q / (p + q)) for p, q in shares) / 2


def _mad(values: list[float]) -> float:
    centre = statistics.median(values)
    return statistics.median(abs(value - centre) for value in values)
