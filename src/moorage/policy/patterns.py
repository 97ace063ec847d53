"""What a statement's actions and resources are compared with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from moorage.policy.templates import Keys, Template, Variable, fill, is_fixed, text_of
from moorage.policy.wildcards import Glob, Wild, elements_of

_ARN_PARTS = 6


def any_fits(answers: Iterable[bool | None]) -> bool | None:
    """Tell whether any answer is yes; None where none is and one is unknown."""
    unknown = False
    for answer in answers:
        if answer:
            return True
        unknown = unknown or answer is None
    return None if unknown else False


def split_arn(text: str) -> list[str] | None:
    """Split an ARN into its six parts; None for any other text. The last part may hold colons."""
    parts = text.split(":", _ARN_PARTS - 1)
    return parts if len(parts) == _ARN_PARTS and parts[0] == "arn" else None


class ActionPattern:
    """The action names of one statement. Letters match in either case."""

    __slots__ = ("_globs", "_names", "everything", "prefixes")

    def __init__(self, actions: Iterable[str]) -> None:
        lowered = [action.lower() for action in actions]
        self._names = frozenset(action for action in lowered if "*" not in action and "?" not in action)
        self._globs = [Glob(elements_of(action)) for action in lowered if action not in self._names]
        self.everything = any(action.strip("*") in ("", ":") for action in lowered)
        # The service prefixes named, and those named whole (as `kms:*`).
        self.prefixes = {
            action.partition(":")[0]: any(other == f"{action.partition(':')[0]}:*" for other in lowered)
            for action in lowered
        }

    def matches(self, action: str) -> bool:
        """Tell whether `action`, in lower case, is among the names."""
        return self.everything or action in self._names or any(glob.matches(action) for glob in self._globs)


class TextPattern:
    """A value with wildcards, as StringLike takes it."""

    __slots__ = ("_glob", "_plain", "_template")

    def __init__(self, template: Template) -> None:
        self._template = template
        self._glob = Glob(fill(template, {}) or ()) if is_fixed(template) else None
        # Without wildcards, what is filled in is the text itself.
        self._plain = not any(isinstance(piece, Wild) for piece in template)

    def matches(self, text: str, keys: Keys) -> bool | None:
        """Tell whether all of `text` fits; None where a variable has no value."""
        if self._glob is not None:
            return self._glob.matches(text)
        filled = fill(self._template, keys)
        if filled is None:
            return None
        return text_of(filled) == text if self._plain else Glob(filled).matches(text)


class ArnPattern:
    """An ARN with wildcards, compared part by part.

    The cuts are the colons written in the policy: a colon inside `${…}` is none, nor is one that
    a variable's value brings along. Parts left out at the end are wildcards, as in AWS. A pattern
    that begins with a variable stands for a whole ARN and is compared as one text.
    """

    __slots__ = ("_exact", "_fixed", "_varying", "_whole", "beginning", "everything")

    def __init__(self, template: Template) -> None:
        self.everything = bool(template) and all(piece is Wild.ANY for piece in template)
        # What the last part of an ARN that fits begins with; empty where that can be anything.
        self.beginning = ""
        self._whole: TextPattern | None = None
        self._exact: list[tuple[int, str]] = []
        self._fixed: list[tuple[int, Glob]] = []
        self._varying: list[tuple[int, TextPattern]] = []
        if template and isinstance(template[0], Variable):
            self._whole = TextPattern(template)
            return
        parts = _parts(template)
        if parts[-1] and isinstance(parts[-1][0], str):
            self.beginning = parts[-1][0]
        # The last part first: ARNs differ there most often.
        for index, part in reversed(list(enumerate(parts))):
            if not is_fixed(part):
                self._varying.append((index, TextPattern(part)))
            elif all(isinstance(piece, str) for piece in part):
                self._exact.append((index, "".join(str(piece) for piece in part)))
            elif part != (Wild.ANY,):
                self._fixed.append((index, Glob(fill(part, {}) or ())))

    def matches(self, text: str, parts: Sequence[str] | None, keys: Keys) -> bool | None:
        """Tell whether an ARN fits; None where a variable has no value.

        `parts` is split_arn(text), made by the caller because many patterns see the same text.
        """
        if self.everything:
            return True
        if self._whole is not None:
            fits = self._whole.matches(text, keys)
            return fits if parts is not None or fits is None else False
        return parts is not None and self._parts_match(parts, keys)

    def _parts_match(self, parts: Sequence[str], keys: Keys) -> bool | None:
        for index, text in self._exact:
            if parts[index] != text:
                return False
        for index, glob in self._fixed:
            if not glob.matches(parts[index]):
                return False
        unknown = False
        for index, pattern in self._varying:
            fits = pattern.matches(parts[index], keys)
            if fits is False:
                return False
            unknown = unknown or fits is None
        return None if unknown else True


def _parts(template: Template) -> list[Template]:
    """Cut at the first five colons of the literal text; parts left out become `*`."""
    parts: list[list[str | Wild | Variable]] = [[]]
    for piece in template:
        if not isinstance(piece, str):
            parts[-1].append(piece)
            continue
        first, *others = piece.split(":", _ARN_PARTS - len(parts))
        parts[-1].extend([first] if first else [])
        parts.extend([text] if text else [] for text in others)
    padding: list[Template] = [(Wild.ANY,)] * (_ARN_PARTS - len(parts))
    return [*(tuple(part) for part in parts), *padding]


class ResourcePattern:
    """The resources of one statement.

    `beginnings` are what the last parts of ARNs that fit begin with; none where one can be anything.
    """

    __slots__ = ("_patterns", "beginnings", "everything")

    def __init__(self, templates: Iterable[Template]) -> None:
        self._patterns = [ArnPattern(template) for template in templates]
        self.everything = any(pattern.everything for pattern in self._patterns)
        beginnings = {pattern.beginning for pattern in self._patterns}
        self.beginnings: tuple[str, ...] = () if "" in beginnings else tuple(sorted(beginnings))

    def matches(self, text: str, parts: Sequence[str] | None, keys: Keys) -> bool | None:
        """Tell whether any of the patterns fits; None where none does and one is unresolvable."""
        if self.everything:
            return True
        unknown = False
        for pattern in self._patterns:
            fits = pattern.matches(text, parts, keys)
            if fits:
                return True
            unknown = unknown or fits is None
        return None if unknown else False
