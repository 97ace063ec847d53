"""The reactions that a comment can get, and the forms they are written in."""

from __future__ import annotations

import re
from typing import Final

from moorage.core.faults import Fault
from moorage.repos.comments import Reaction
from moorage.services.codecommit.names import shown

# AWS's documents show the first four and say that others are not to be had; the rest is our choice.
_EMOJI: Final = {
    "thumbsup": "👍",
    "thumbsdown": "👎",
    "smile": "😄",
    "confused": "😕",
    "heart": "❤",
    "tada": "🎉",
    "rocket": "🚀",
    "eyes": "👀",
    "clap": "👏",
    "thinking": "🤔",
    "joy": "😂",
    "scream": "😱",
}
REACTIONS: Final = {
    name: Reaction(name, emoji, f":{name}:", f"U+{ord(emoji):X}") for name, emoji in _EMOJI.items()
}
NONE: Final = "none"

_BY_FORM: Final = {
    form.lower(): reaction
    for reaction in REACTIONS.values()
    for form in (reaction.emoji, reaction.short_code, reaction.code_point)
}

# What keyboards put behind an emoji: the choice of colours, or a skin tone. It is the same reaction.
_MODIFIERS: Final = re.compile("[\ufe0f\U0001f3fb-\U0001f3ff]|(?: ?U\\+(?:FE0F|1F3F[B-F]))$", re.IGNORECASE)


def reaction(text: str) -> Reaction | None:
    """Return a reaction by its emoji, `:shortcode:` or `U+…`; None for the wish to have none.

    Raises:
        Fault: InvalidReactionValueException.
    """
    value = text.strip().lower()
    if value in {"", NONE}:
        return None
    found = _BY_FORM.get(value) or _BY_FORM.get(_MODIFIERS.sub("", value))
    if found is None:
        raise Fault(
            "InvalidReactionValueException",
            f"{shown(text)} is no reaction: {' '.join(one.short_code for one in REACTIONS.values())}, their"
            f" emoji or code points (U+1F44D), or {NONE} to take yours away",
        )
    return found
