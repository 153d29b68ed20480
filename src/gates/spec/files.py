"""Generate files from the specs of the gates: property YAML, parts of each gate's page, the list in the README."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from gates.spec.spec import META, REASONS

ROOT = Path(__file__).parents[3]
WIDTH = 139  # of the prose in docs

# Kinds of arguments (macros/spec/rules.sql) as types that dbt knows.
TYPES = {
    "column": "string",
    "columns": "any",
    "integer": "integer",
    "number": "float",
    "choice": "string",
    "flag": "bool",
    "expression": "string",
    "condition": "string",
    "expressions": "any",
    "bounds": "dict[string, float]",
    "segments": "dict[string, any]",
    "ascending": "list[float]",
    "value": "any",
}
MODEL = {
    "name": "model",
    "type": "relation",
    "description": "What the gate is declared on: a model, source, seed or snapshot; `config.where` narrows its rows.",
}
Declared = Mapping[str, Any]


class Package(NamedTuple):
    """What the package declares.

    Attributes
    ----------
    gates : mapping
        What `gates.specs()` returns: by name of the gate, with each argument's rule in words (``must_be``).
    reasons : mapping
        What `gates.shared_reasons()` returns.
    """

    gates: Mapping[str, Declared]
    reasons: Declared


def generated(package: Package, root: Path = ROOT) -> dict[Path, str]:
    """Return what each file has to hold, by its path.

    Parameters
    ----------
    root : Path
        The checkout with `macros/`, `docs/` and the README.

    Raises
    ------
    ValueError
        When a page lacks a section that is written from the spec.
    """
    texts = {root / "macros" / "spec" / "reasons.yml": reasons(package.reasons)}
    for gate, spec in package.gates.items():
        texts[root / "macros" / "gates" / f"{gate}.yml"] = properties(spec)
        path = root / "docs" / "gates" / f"{gate}.md"
        texts[path] = page(path.read_text(encoding="utf-8"), spec)
    readme = root / "README.md"
    texts[readme] = listed(readme.read_text(encoding="utf-8"), package.gates)
    return texts


def properties(spec: Declared) -> str:
    """Return the property YAML of a gate, with its spec as meta."""
    arguments = [MODEL]
    for name, argument in spec["arguments"].items():
        last = f"Default: {default(argument)}." if "default" in argument else "Required."
        description = f"{argument['meaning']}. Must be {rule(name, spec)}. {last}"
        arguments.append({"name": name, "type": type_of(argument), "description": description})
    words = ("meaning", "must_be", "also_called")
    facts = {
        name: _Line({key: value for key, value in argument.items() if key not in words})
        for name, argument in spec["arguments"].items()
    }
    meta = {key: _Line(value) if isinstance(value, Mapping) else value for key, value in spec.items()}
    macro = {
        "name": f"test_{spec['gate']}",
        "description": spec["passes_when"],
        "config": {"meta": {META: {**meta, "arguments": facts}}},
        "arguments": arguments,
    }
    return _macro_yaml(f"{spec['gate']}_spec", macro)


def reasons(shared: Declared) -> str:
    """Return the property YAML of the macro with the shared reasons, which it holds as meta."""
    macro = {
        "name": "shared_reasons",
        "description": "The words for the reasons that several gates give.",
        "config": {"meta": {REASONS: shared}},
    }
    return _macro_yaml("shared_reasons", macro)


def _macro_yaml(source: str, macro: Declared) -> str:
    text = yaml.dump({"macros": [macro]}, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)
    return f"# Written by python -m gates.spec from {source}.\n{text}"


def page(text: str, spec: Declared) -> str:
    """Return the page of a gate with its first sentence, its table of arguments and its formula."""
    sentence = f"# {spec['gate']}\n\n{textwrap.fill(spec['passes_when'], WIDTH)}\n\n"
    text = _replaced(text, r"\A.*?(?=^## )", sentence)
    text = _replaced(text, r"(?<=^## Arguments\n\n).*?(?=^## )", f"{table(spec)}\n\n")
    return _replaced(text, r"(?<=^## Formula\n\n).*?(?=^$)", f"{formula(spec)}\n")


def table(spec: Declared) -> str:
    """Return the table of the arguments."""
    rows = [
        (f"`{name}`", type_of(argument), default(argument), rule(name, spec), argument["meaning"])
        for name, argument in spec["arguments"].items()
    ]
    lines = [" | ".join(cell.replace("|", r"\|") for cell in row) for row in rows]
    return "\n".join(
        ["| argument | type | default | must be | meaning |", "|---|---|---|---|---|"]
        + [f"| {line} |" for line in lines]
    )


def formula(spec: Declared) -> str:
    """Return the formula of a gate; where it depends on an argument, a line for each value of the argument."""
    declared = spec["formula"]
    lines = [f"- `{declared}`"]
    if isinstance(declared, Mapping):
        (choices,) = declared.values()
        lines = [f"- `{choice}`: `{text}`" for choice, text in choices.items()]
    return "\n".join(["In braces are columns of the evidence and arguments of the test:", *lines])


def listed(text: str, specs: Mapping[str, Declared]) -> str:
    """Return the README with a line for each gate: known gates in their order, new gates last."""
    line = re.compile(r"^\| \[`(\w+)`\]\(docs/gates/[^\n]*\n", re.MULTILINE)
    known = [gate for gate in line.findall(text) if gate in specs]
    lines = [
        f"| [`{gate}`](docs/gates/{gate}.md) | {specs[gate]['passes_when']} |\n"
        for gate in [*known, *(gate for gate in specs if gate not in known)]
    ]
    return _replaced(text, rf"(?:{line.pattern})+", "".join(lines))


def type_of(argument: Declared) -> str:
    """Return the type of an argument for dbt's property YAML."""
    type_ = TYPES[argument["kind"]]
    is_optional = argument.get("default", "") is None and type_ != "any"
    return f"optional[{type_}]" if is_optional else type_


def default(argument: Declared) -> str:
    """Return the default of an argument, or ``required``."""
    if "default" not in argument:
        return "required"
    value = argument["default"]
    if isinstance(value, Mapping):
        (choices,) = value.values()
        return ", ".join(f"`{_plain(one)}` for `{choice}`" for choice, one in choices.items())
    return f"`{_plain(value)}`"


def rule(name: str, spec: Declared) -> str:
    """Return what an argument must be, and which other arguments it needs or excludes."""
    argument = spec["arguments"][name]
    return "; ".join([argument["must_be"], *_conditions(name, argument, spec["at_least_one"])])


def _conditions(name: str, argument: Declared, at_least_one: list[str]) -> Iterator[str]:
    if name in at_least_one:
        yield f"this or `{next(other for other in at_least_one if other != name)}` is given"
    if "only_with" in argument:
        yield f"only with `{argument['only_with']}`"
    if "not_with_text" in argument:
        yield f"only where `{argument['not_with_text']}` is a number"
    if "one_with" in argument:
        yield f"one column with `{argument['one_with']}`"


def _plain(value: Any) -> str:
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _replaced(text: str, pattern: str, by: str) -> str:
    replaced, count = re.subn(pattern, lambda _: by, text, count=1, flags=re.MULTILINE | re.DOTALL)
    if not count:
        raise ValueError(f"no part {pattern!r} in {text[:40]!r}: a page needs the sections of the others")
    return replaced


class _Line(dict[str, Any]):
    """A mapping that YAML writes on one line."""


class _Dumper(yaml.SafeDumper):
    """A writer of YAML without anchors: a list that occurs in two places is written twice."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


_Dumper.add_representer(
    _Line, lambda dumper, line: dumper.represent_mapping("tag:yaml.org,2002:map", line, flow_style=True)
)
