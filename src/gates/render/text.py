"""Text for terminals and logs: no control characters, nothing longer than a person reads."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

QUOTED_CHARACTERS = 80
_UNPRINTABLE = ("Cc", "Cf", "Cs", "Zl", "Zp")  # controls, invisible marks, surrogates, separators of lines


def escaped(text: object) -> str:
    """Return a text that cannot steer a terminal: control characters escaped, everything else as it is.

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
    """Return a text in one line that cannot steer a terminal: white space folded, control characters escaped.

    Examples
    --------
    >>> printable("two\\nlines"), printable("\\x1b[31mred")
    ('two lines', '\\\\x1b[31mred')
    """
    return escaped(" ".join(str(text).split()))


def quoted(text: str, characters: int = QUOTED_CHARACTERS) -> str:
    """Return a text in quotation marks, control characters escaped, the rest of a long one left out.

    Examples
    --------
    >>> quoted("a\\tb"), quoted("x" * 5000, characters=3)
    ("'a\\\\tb'", "'xxx'… (5,000 characters)")
    """
    shown = repr(text[:characters])
    return shown if len(text) <= characters else f"{shown}… ({len(text):,} characters)"


def listed(names: Sequence[str], shown: int = 3) -> str:
    """Return the first few names, the others counted.

    Examples
    --------
    >>> listed(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    more = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {more} more" if more > 0 else "")
