"""Mutants of a macro: one comparison is flipped, one `coalesce` dropped or one branch of a `case` never taken."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

SQL, JINJA, IGNORED = "s", "j", "-"

_REGIONS = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|--[^\n]*", re.DOTALL)
_STRINGS = re.compile(r'"[^"]*"')

# The replacements of a comparison: its opposite, and for an inequality the other side of the boundary.
_SQL_COMPARISONS = {
    "<>": ("=",),
    "<=": (">", "<"),
    ">=": ("<", ">"),
    "<": (">=", "<="),
    ">": ("<=", ">="),
    "=": ("<>",),
    "is not null": ("is null",),
    "is null": ("is not null",),
    "not in": ("in",),
    "in": ("not in",),
    "between": ("not between",),
    "not": ("",),
}
_JINJA_COMPARISONS = {
    "==": ("!=",),
    "!=": ("==",),
    "<=": (">", "<"),
    ">=": ("<", ">"),
    "<": (">=", "<="),
    ">": ("<=", ">="),
    "is not none": ("is none",),
    "is none": ("is not none",),
    "not in": ("in",),
    "in": ("not in",),
    "is string": ("is not string",),
}
_SQL_TOKENS = re.compile(
    r"<>|<=|>=|<|>|=|\bis not null\b|\bis null\b|\bnot in\b(?= ?\()|\bin\b(?= ?\()|(?<!range )\bbetween\b|\bnot\b"
)
_JINJA_TOKENS = re.compile(
    r"==|!=|<=|>=|<|>|\bis not none\b|\bis none\b|\bnot in\b|(?<=if name )\bin\b|\bis string\b"
)
_CASE_TOKENS = re.compile(r"\b(case|when|then|end)\b")
_LOOPED = re.compile(r"\s*\{\{ index \}\}\s*")  # pick_metric has one branch for each metric


@dataclass(frozen=True)
class Mutant:
    """A macro with one thing changed.

    Attributes
    ----------
    change : str
        The changed lines before and after, white space collapsed: ``x < y => x >= y``.
    """

    macro: str
    change: str
    text: str


def mutants(macro: str, text: str) -> Iterator[Mutant]:
    """Yield all mutants of a macro's text.

    Examples
    --------
    >>> [mutant.change for mutant in mutants("m", "case when a > 0 then coalesce(b, 1) end")]
    ['case when a > 0 then coalesce(b, 1) end => case when a <= 0 then coalesce(b, 1) end',
     'case when a > 0 then coalesce(b, 1) end => case when a >= 0 then coalesce(b, 1) end',
     'case when a > 0 then coalesce(b, 1) end => case when a > 0 then (b) end',
     'case when a > 0 then coalesce(b, 1) end => case when 1 = 0 then coalesce(b, 1) end']
    """
    mask = _mask(text)
    for start, end, replacement in [
        *_comparisons(text, mask),
        *_coalesces(text, mask),
        *_branches(text, mask),
    ]:
        changed = text[:start] + replacement + text[end:]
        first = text.rfind("\n", 0, start) + 1
        before = text[first : _line_end(text, end)]
        after = changed[first : _line_end(changed, start + len(replacement))]
        yield Mutant(macro, f"{_collapsed(before)} => {_collapsed(after)}", changed)


def _mask(text: str) -> str:
    """Return for each character whether it is SQL, Jinja or ignored; strings in Jinja are SQL."""
    mask = [SQL] * len(text)
    for region in _REGIONS.finditer(text):
        kind = JINJA if region[0].startswith(("{%", "{{")) else IGNORED
        mask[region.start() : region.end()] = [kind] * len(region[0])
        if kind == JINJA:
            mask[region.start() : region.start() + 2] = [IGNORED] * 2
            mask[region.end() - 2 : region.end()] = [IGNORED] * 2
            for string in _STRINGS.finditer(region[0]):
                start = region.start() + string.start()
                mask[start : start + len(string[0])] = [SQL] * len(string[0])
    return "".join(mask)


def _comparisons(text: str, mask: str) -> Iterator[tuple[int, int, str]]:
    for kind, tokens, comparisons in (
        (SQL, _SQL_TOKENS, _SQL_COMPARISONS),
        (JINJA, _JINJA_TOKENS, _JINJA_COMPARISONS),
    ):
        for token in tokens.finditer(text):
            if mask[token.start() : token.end()] == kind * len(token[0]):
                for replacement in comparisons[token[0]]:
                    yield token.start(), token.end(), replacement


def _coalesces(text: str, mask: str) -> Iterator[tuple[int, int, str]]:
    for call in re.finditer(r"\bcoalesce\(", text):
        if mask[call.start()] != SQL:
            continue
        depth, comma = 1, None
        for position in range(call.end(), len(text)):
            depth += {"(": 1, ")": -1}.get(text[position], 0)
            if depth == 1 and text[position] == "," and comma is None:
                comma = position
            if depth == 0:
                yield call.start(), position, text[call.end() - 1 : comma]
                break


def _branches(text: str, mask: str) -> Iterator[tuple[int, int, str]]:
    tokens = [token for token in _CASE_TOKENS.finditer(text) if mask[token.start()] == SQL]
    for index, token in enumerate(tokens):
        if token[0] != "when":
            continue
        depth = 0
        for later in tokens[index + 1 :]:
            if later[0] == "then" and depth == 0:
                if not _LOOPED.fullmatch(text[token.end() : later.start()]):
                    yield token.end(), later.start(), " 1 = 0 "
                break
            depth += {"case": 1, "end": -1}.get(later[0], 0)


def _line_end(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end


def _collapsed(text: str) -> str:
    return " ".join(text.split())
