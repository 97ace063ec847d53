"""The models' regular expressions, which are Java's, as Python's."""

from __future__ import annotations

import re
from functools import cache

# Unicode's separators (Zs, Zl, Zp).
_SEPARATORS = r"\u0020\u00A0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000"
# The models use \p only in this run, as letters, separators, numbers and the underscore; Python's
# Unicode \w is the letters, numbers and the underscore (a test compares them over all of Unicode).
_JAVA_WORDS = r"\p{L}\p{Z}\p{N}_"
# STS writes \u10000-\u10FFFF, meaning the planes above the first. Both Java and Python read four
# digits and a character; what is meant is what is matched here.
_FIVE_DIGITS = re.compile(r"\\u(10000|10FFFF)")


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    r"""Return a model's pattern; use it with `fullmatch`, as AWS does.

    Java's \w and \d are ASCII's, and so are these, but for patterns that name Unicode classes.
    """
    translated = _FIVE_DIGITS.sub(lambda found: rf"\U{found[1]:>08}", pattern)
    if r"\p" not in translated:
        return re.compile(translated, re.ASCII)
    return re.compile(translated.replace(_JAVA_WORDS, r"\w" + _SEPARATORS))
