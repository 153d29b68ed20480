"""Faults to inject into past days, read from YAML."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from gates.errors import GatesError


@dataclass(frozen=True)
class Fault:
    """One way in which a day can arrive broken.

    Attributes
    ----------
    keep : str
        SQL condition; the rows of the model that do not satisfy it are lost.
    set : mapping
        By column, the SQL expression whose value arrives in its place.
    copies : int
        How often each row arrives, at least 1.
    days_late : int
        The rows come from the day that lies this many days before, with their dates and timestamps moved.
    inject_into : str
        Name of the model; empty for the one that the command injects into.

    Raises
    ------
    GatesError
        When the fault would change nothing.
    """

    name: str
    keep: str = "true"
    set: Mapping[str, str] = field(default_factory=dict)
    copies: int = 1
    days_late: int = 0
    inject_into: str = ""

    def __post_init__(self) -> None:
        for key, least in (("copies", 1), ("days_late", 0)):
            value = getattr(self, key)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise GatesError(
                    f"fault {self.name!r}: {key} must be an integer from {least}, received {value!r}"
                )
        if not isinstance(self.set, Mapping):
            raise GatesError(f"fault {self.name!r}: set must map columns to SQL, received {self.set!r}")
        if (self.keep, dict(self.set), self.copies, self.days_late) == ("true", {}, 1, 0):
            raise GatesError(f"fault {self.name!r} changes nothing: give keep, set, copies or days_late")

    def arguments(self, columns: Collection[str]) -> dict[str, Any]:
        """Return what the macro `faulty_rows` takes, for a model with these columns.

        Raises
        ------
        GatesError
            When the fault sets a column that the model does not have.
        """
        if unknown := [column for column in self.set if column not in columns]:
            raise GatesError(
                f"fault {self.name!r} sets {', '.join(sorted(unknown))}; the columns are {', '.join(columns)}"
            )
        changes = {column: str(expression) for column, expression in self.set.items()}
        return {
            "keep": str(self.keep),
            "changes": changes,
            "copies": self.copies,
            "days_late": self.days_late,
        }


NO_FAULT: Mapping[str, Any] = {"keep": "1 = 1", "changes": {}, "copies": 1, "days_late": 0}
STANDARD = (
    Fault("all rows lost", keep="1 = 0"),
    Fault("load doubled", copies=2),
    Fault("the day before once more", days_late=1),
)
_KEYS = sorted(set(Fault.__dataclass_fields__) - {"name"})


def read_faults(path: Path) -> tuple[Fault, ...]:
    """Read faults from a YAML file, a mapping from names to the fields of `Fault`.

    Raises
    ------
    GatesError
        When the file is absent, is not such a mapping, or a fault changes nothing.
    """
    try:
        content = yaml.safe_load(path.read_text())
    except OSError as error:
        raise GatesError(f"the faults in {path} cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise GatesError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, Mapping) or not content:
        raise GatesError(f"{path} must map names of faults to what they do: {', '.join(_KEYS)}")
    return tuple(_fault(str(name), given, path) for name, given in content.items())


def _fault(name: str, given: Any, path: Path) -> Fault:
    if not isinstance(given, Mapping) or not set(given) <= set(_KEYS):
        raise GatesError(f"fault {name!r} in {path} must have only {', '.join(_KEYS)}; received {given!r}")
    return Fault(name, **given)
