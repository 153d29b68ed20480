"""The commands about days: their statuses, what people decide about them, judging them again."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from gates.days.ranges import parsed_range
from gates.errors import GatesError
from gates.options import RunDate, day_of, run_date_of
from gates.project.config import Project
from gates.render.terminal import advancing, console

Relations = Annotated[
    list[str] | None,
    typer.Option("--relation", help="Only about this relation, `<schema>.<name>`; can be repeated."),
]
From = Annotated[str | None, typer.Option("--from", help="First day; without it the first with rows.")]
To = Annotated[str | None, typer.Option("--to", help="Last day; without it the run date.")]


def days(
    project: Project,
    first_day: From = None,
    last_day: To = None,
    relation: Relations = None,
    as_json: Annotated[bool, typer.Option("--json", help="The status of each day, as JSON.")] = False,
    run_date: RunDate = None,
) -> None:
    """The status of each day: proven, rejected, unjudged, or what a person has decided about it, with the reason."""
    from gates.days.calendar import calendar
    from gates.project import dbt
    from gates.render.days import calendar_lines, in_json

    last = day_of(last_day, "--to") if last_day else run_date_of(project, run_date)
    first = day_of(first_day, "--from") if first_day else None
    found = calendar(project, dbt.parse(project), first, last, relation or ())
    if as_json:
        console.out(in_json(found), highlight=False)
    else:
        for line in calendar_lines(found):
            console.print(line, markup=False, soft_wrap=True)


def accept(
    project: Project,
    day: Annotated[list[str], typer.Argument(help="Days, each YYYY-MM-DD or YYYY-MM-DD..YYYY-MM-DD.")],
    why: Annotated[str, typer.Option(help="The reason; it stays with the decision.")],
    known: Annotated[
        bool, typer.Option("--known", help="A special day: trained on, no reference for other days.")
    ] = False,
    accepted: Annotated[
        bool, typer.Option("--accepted", help="The rows are right as they are: trained on, no reference.")
    ] = False,
    exclude: Annotated[
        bool, typer.Option("--exclude", help="The rows are wrong: not trained on, no reference.")
    ] = False,
    new_level: Annotated[
        bool, typer.Option("--new-level", help="From this day on nothing earlier is a reference.")
    ] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Take back what was decided about the days.")] = False,
    who: Annotated[str, typer.Option(help="Who decides; without it the user of this machine.")] = "",
    relation: Relations = None,
) -> None:
    """Decide about days: special, right as they are, not to be trained on, or the first of a new level."""
    from gates.days.decisions import UNDO, Decision, decide

    kinds = {"known": known, "accepted": accepted, "excluded": exclude, "new level": new_level, UNDO: undo}
    chosen = [kind for kind, is_chosen in kinds.items() if is_chosen]
    if len(chosen) != 1:
        raise typer.BadParameter(
            f"give exactly one of them, received {len(chosen)}",
            param_hint="--known, --accepted, --exclude, --new-level, --undo",
        )
    try:
        ranges = tuple(map(parsed_range, day))
    except GatesError as error:
        raise typer.BadParameter(str(error), param_hint="DAY") from None
    decision = Decision(ranges, chosen[0], why, who or getpass.getuser())
    decide(project, decision, relation or ())
    console.print(decision.in_words, soft_wrap=True, markup=False)


def judge(
    project: Project,
    first_day: Annotated[str, typer.Option("--from", help="First day.")],
    last_day: To = None,
    run_date: RunDate = None,
) -> None:
    """Judge past days again under the present bounds, each as on that day, and record it in the ledger."""
    from gates.days import window
    from gates.days.calendar import statuses_of
    from gates.days.ranges import DayRange
    from gates.days.replay import Replay
    from gates.render.days import calendar_lines

    last = day_of(last_day, "--to") if last_day else run_date_of(project, run_date)
    first = day_of(first_day, "--from")
    if last < first:
        raise typer.BadParameter(f"must be at least --from {first}, received {last}", param_hint="--to")
    replay = Replay(project)
    with advancing("gates") as advance:
        done = iter(range(1, len(replay.gates) + 1))
        window.judge(
            replay,
            replay.gates,
            DayRange(first, last).days,
            lambda: advance("judge", next(done, len(replay.gates)), len(replay.gates)),
        )
    for line in calendar_lines(statuses_of(replay, first, last)):
        console.print(line, markup=False, soft_wrap=True)
