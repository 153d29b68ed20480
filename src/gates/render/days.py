"""Days for people: the calendar of statuses in ranges, and what stands against a day with each way out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from gates.days.calendar import Calendar
from gates.days.ranges import DayRange, folded
from gates.days.statuses import REJECTED, UNJUDGED, DayStatus
from gates.ledger.declared import Declared, Row
from gates.ledger.evidence import name_of
from gates.ledger.wording import sentence
from gates.text import counted, listed, printable, wrapped

INDENT = " " * 6
WAYS_OUT = {
    "--exclude": "the rows are wrong: leave them out of training",
    "--accepted": "the rows are right as they are",
    "--known": "a special day",
}
_SHOWN_GATES = 3


def calendar_lines(calendar: Calendar) -> list[str]:
    """Return a line for each range of days of a relation with one status, with the reason."""
    lines = []
    for relation, days in _by_relation(calendar.days).items():
        lines.append(f"{printable(relation)}: {_tally(days)}")
        for each, of_range in _ranges(days):
            what = f"{each.in_words}  {of_range[0].status}"
            lines += wrapped(printable(f"{what}{_reason(calendar, of_range)}"), "  ", INDENT)
    return lines or ["no gate judges days"]


def against_lines(calendar: Calendar) -> list[str]:
    """Return what stands against the days that are rejected or unjudged, range by range, and the command for each way out."""
    lines = []
    against = [each for each in calendar.days if each.status in (REJECTED, UNJUDGED)]
    for relation, days in _by_relation(against).items():
        for each, of_range in _ranges(days):
            head = f"{of_range[0].status} on {relation}{_reason(calendar, of_range)}"
            lines += wrapped(printable(head), f"{each.in_words}  ", INDENT)
    if against:
        asked = " ".join(str(each) for each in folded(each.day for each in against))
        lines.append("ways out: load the right rows and run again, or decide, with a reason:")
        lines += wrapped(f"days: {asked}", INDENT, INDENT)
        lines += [
            f'{INDENT}gates accept DAY… {option} --why "…"  # {meaning}'
            for option, meaning in WAYS_OUT.items()
        ]
        lines.append(
            f'{INDENT}gates accept DAY --new-level --why "…"  # from DAY on nothing earlier is a reference'
        )
    return lines


def in_json(calendar: Calendar) -> str:
    """Return the status of each day as JSON."""
    rows = [
        {
            "relation": each.relation,
            "day": str(each.day),
            "status": each.status,
            "why": each.why,
            "who": each.who,
            "learning": list(each.learning),
        }
        for each in calendar.days
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False)


def _by_relation(days: Iterable[DayStatus]) -> dict[str, list[DayStatus]]:
    found: dict[str, list[DayStatus]] = {}
    for each in days:
        found.setdefault(each.relation, []).append(each)
    return found


def _ranges(days: Sequence[DayStatus]) -> list[tuple[DayRange, list[DayStatus]]]:
    """Return days of one relation as ranges with one status and one reason, in order."""
    alike: dict[tuple[object, ...], list[DayStatus]] = {}
    for each in days:
        alike.setdefault((each.status, each.why, each.who, each.learning), []).append(each)
    found = []
    for group in alike.values():
        of_day = {each.day: each for each in group}
        found += [(each, [of_day[day] for day in each.days]) for each in folded(of_day)]
    return sorted(found, key=lambda pair: pair[0])


def _tally(days: Iterable[DayStatus]) -> str:
    counts = Counter(each.status for each in days)
    return ", ".join(f"{counted(number, 'day')} {status}" for status, number in counts.most_common())


def _reason(calendar: Calendar, days: Sequence[DayStatus]) -> str:
    first = days[0]
    if first.status == REJECTED:
        return _rejections(calendar, days)
    if first.status == UNJUDGED:
        return f": {listed(first.why.splitlines(), _SHOWN_GATES)}"
    if first.why:
        return f": {first.why} ({first.who})"
    return f", still learning: {listed(first.learning, _SHOWN_GATES)}" if first.learning else ""


def _rejections(calendar: Calendar, days: Sequence[DayStatus]) -> str:
    """Return by which gates the days are rejected, on how many of them each, with what the worst of them says of the first."""
    dates = {each.day for each in days}
    rows = [
        row for row in calendar.evidence if row["relation"] == days[0].relation and row["run_date"] in dates
    ]
    counts = Counter(node_id for node_id, _ in {(row["node_id"], row["run_date"]) for row in rows})
    if not counts:
        return ""
    worst = counts.most_common(1)[0][0]
    example: Row = min((row for row in rows if row["node_id"] == worst), key=lambda row: row["run_date"])
    names = [
        f"{_name(node_id, calendar.declared)} on {counted(number, 'day')}"
        if len(days) > 1
        else _name(node_id, calendar.declared)
        for node_id, number in counts.most_common()
    ]
    said = sentence(example, calendar.declared.get(worst))
    when = f" on {example['run_date']}" if len(days) > 1 else ""
    return f" by {listed(names, _SHOWN_GATES)}: {said}{when}"


def _name(node_id: str, declared: Mapping[str, Declared]) -> str:
    return declared[node_id].name if node_id in declared else name_of(node_id)
