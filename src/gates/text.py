"""Make text for terminals and logs: without control characters, of a width, with numbers that a person can compare."""

from __future__ import annotations

import math
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence

QUOTED_CHARACTERS = 80
WIDTH = 100  # columns
_UNPRINTABLE = ("Cc", "Cf", "Cs", "Zl", "Zp")  # controls, invisible marks, surrogates, separators of lines
_FILLER = "\ue000"  # a private character; in front of one that takes two columns of a terminal
_BLOCKS = "▁▂▃▄▅▆▇█"
_NO_VALUE = "·"


def escaped(text: object) -> str:
    """Return a text that cannot control a terminal: control characters are escaped, everything else is unchanged.

    Examples
    --------
    >>> escaped("two\\nlines"), escaped("\\x1b[31mred"), escaped("São  Paulo")
    ('two\\\\nlines', '\\\\x1b[31mred', 'São  Paulo')
    """
    return "".join(
        character.encode("unicode_escape").decode()
        if unicodedata.category(character) in _UNPRINTABLE
        else character
        for character in str(text)
    )


def printable(text: object) -> str:
    """Return a text in one line that cannot control a terminal: white space is folded, control characters are escaped.

    Examples
    --------
    >>> printable("two\\nlines"), printable("\\x1b[31mred")
    ('two lines', '\\\\x1b[31mred')
    """
    return escaped(" ".join(str(text).split()))


def quoted(text: str, characters: int = QUOTED_CHARACTERS) -> str:
    """Return a text in quotation marks with control characters escaped; a long text is shortened.

    Examples
    --------
    >>> quoted("a\\tb"), quoted("x" * 5000, characters=3)
    ("'a\\\\tb'", "'xxx'… (5,000 characters)")
    """
    shown = repr(text[:characters])
    return shown if len(text) <= characters else f"{shown}… ({len(text):,} characters)"


def listed(names: Sequence[str], shown: int = 3) -> str:
    """Return the first few names, and the number of the others.

    Examples
    --------
    >>> listed(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    more = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {more} more" if more > 0 else "")


def columns(text: str) -> int:
    """Return how many columns of a terminal a text takes: a Chinese character or a picture takes two.

    Examples
    --------
    >>> columns("abc"), columns("売上")
    (3, 4)
    """
    return len(_filled(text))


def wrapped(text: str, first: str = "", indent: str = "", width: int = WIDTH) -> list[str]:
    """Return a text as lines of at most a width; a longer word is broken.

    Examples
    --------
    >>> wrapped("one two three", width=8), wrapped("売上売上", width=6)
    (['one two', 'three'], ['売上', '売上'])
    """
    filled = _filled(text)
    if len(filled) > len(text):
        width -= 1  # a word may be broken between a wide character and the filler in front of it
    lines = textwrap.wrap(
        filled, width, initial_indent=first, subsequent_indent=indent, break_on_hyphens=False
    ) or [first.rstrip()]
    return [line.replace(_FILLER, "") for line in lines]


def clipped(text: str, width: int = WIDTH) -> str:
    """Return a text in one line of at most a width; an ellipsis replaces the rest.

    Examples
    --------
    >>> clipped("one two three", 8), clipped("one", 8), clipped("売上売上", 6)
    ('one two…', 'one', '売上…')
    """
    filled = _filled(text)
    return text if len(filled) <= width else f"{filled[: width - 1].replace(_FILLER, '').rstrip()}…"


def _filled(text: str) -> str:
    return "".join(
        _FILLER + character if unicodedata.east_asian_width(character) in "WF" else character
        for character in text
    )


def as_number(value: object) -> float | None:
    """Return a finite number, or None for anything else: text, NULL, NaN, infinity."""
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def short(value: object, digits: int = 6) -> str:
    """Return a value for people: large numbers in full, other numbers with some significant digits.

    Examples
    --------
    >>> short("3872.000000001"), short(1469307), short(None), short("text"), short(0.0000123456, digits=2)
    ('3872', '1469307', '-', 'text', '1.2e-05')
    """
    if value is None:
        return "-"
    try:
        number = float(str(value))
    except ValueError:
        return printable(value)
    is_whole = abs(number) < 1e15 and len(str(int(abs(number)))) >= digits
    return f"{number:.0f}" if is_whole else f"{number:.{digits}g}"


def beside(value: object, others: Iterable[object], digits: int = 4) -> str:
    """Return a number with enough digits to see on which side of other numbers it is.

    Examples
    --------
    >>> beside(2.38828, [1.94], digits=2), beside(1.9401, [1.94], digits=2), beside(1.94, [1.94], digits=2)
    ('2.4', '1.9401', '1.94')
    """
    number = as_number(value)
    if number is None:
        return short(value)
    bounds = [float(short(bound)) for other in others if (bound := as_number(other)) is not None]
    for count in range(digits, 17):
        text = short(number, count)
        if all(_sign(float(text) - bound) == _sign(number - bound) for bound in bounds):
            return text
    return repr(number)


def percent(value: object, others: Iterable[object] = ()) -> str:
    """Return a share as a percentage.

    Examples
    --------
    >>> percent(0.0123456, [0.0123]), percent(None)
    ('1.235 %', '-')
    """
    share = as_number(value)
    if share is None:
        return short(value)
    bounds = [100 * bound for other in others if (bound := as_number(other)) is not None]
    return f"{beside(100 * share, bounds, digits=3)} %"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> counted(1, "row"), counted(2, "row")
    ('1 row', '2 rows')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def sparkline(values: Iterable[object]) -> str:
    """Return numbers as bars of different heights; a dot stands for a value that is no number.

    Examples
    --------
    >>> sparkline([1, 2, None, 4]), sparkline([3, 3]), sparkline(["a"])
    ('▁▃·█', '▄▄', '·')
    """
    numbers = [as_number(value) for value in values]
    usable = [number for number in numbers if number is not None]
    low, high = min(usable, default=0.0), max(usable, default=0.0)
    # each end is divided first, because their difference may be larger than a double
    step = high / (len(_BLOCKS) - 1) - low / (len(_BLOCKS) - 1)
    flat = _BLOCKS[len(_BLOCKS) // 2 - 1]
    return "".join(
        _NO_VALUE
        if number is None
        else (_BLOCKS[min(round(number / step - low / step), len(_BLOCKS) - 1)] if step else flat)
        for number in numbers
    )


def _sign(number: float) -> int:
    return (number > 0) - (number < 0)
