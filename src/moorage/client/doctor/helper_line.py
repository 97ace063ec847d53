"""A line of `credential.helper`, read as Git's shell would split it, without running anything."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from moorage.client.helper_kinds import is_absolute

_WRAPPED = re.compile(r"""^\s*(["'])\s*!?\s*(?:\S*[/\\])?(?:aws|moorage)(?:\.exe|\.cmd)?(?:["'\s]|$)""")
_BARE = re.compile(r"^\s*(?:\S*[/\\])?aws(?:\.exe|\.cmd)?\s+.*codecommit\b")
_AFTER_A_PROFILE = {"codecommit", "credential-helper", "get", "store", "erase"}
_SHELLS_OWN = re.compile(r"[$;&|<>`(){}]")


@dataclass(frozen=True, slots=True)
class HelperLine:
    """What a line says. `words` are those of a shell; None where a quote is left open."""

    value: str
    words: tuple[str, ...] | None

    @property
    def is_codecommits(self) -> bool:
        """Whether it names AWS's or moorage's helper, rightly written or not."""
        return (
            "codecommit" in self.value
            or "git-credential-moorage" in self.value
            or self._is_moorages
            or self.is_wrapped_in_quotes
        )

    @property
    def _is_moorages(self) -> bool:
        return (
            self.value == "moorage" or self.value.startswith("moorage ") or "credential_helper" in self.value
        )

    @property
    def is_wrapped_in_quotes(self) -> bool:
        """Whether a shell's quotes have become part of it: `'!aws codecommit …'`, as cmd.exe leaves them."""
        return _WRAPPED.match(self.value) is not None and not self.value.lstrip().startswith("!")

    @property
    def has_open_quote(self) -> bool:
        return self.words is None

    @property
    def lacks_exclamation_mark(self) -> bool:
        """Whether git would look for `git credential-aws` instead of running `aws`."""
        return _BARE.match(self.value) is not None and not is_absolute(self.value)

    @property
    def lacks_arguments(self) -> bool:
        """Whether it is a shell line without `$@`: git appends the operation, so it works."""
        return (
            self.value.startswith("!")
            and "codecommit" in self.value
            and not re.search(r"\$[@*1]", self.value)
            and (self.words or ("",))[-1] == "credential-helper"
        )

    @property
    def profile(self) -> str | None:
        """The profile it names, as far as the shell would read it."""
        return self._profile()[0]

    @property
    def profile_is_unquoted(self) -> bool:
        return bool(self._profile()[1])

    @property
    def profile_meant(self) -> str | None:
        """The profile with the words that its missing quotes cut off."""
        name, cut_off = self._profile()
        return None if name is None else " ".join((name, *cut_off))

    @property
    def ignores_host_check(self) -> bool:
        return "--ignore-host-check" in self.value

    @property
    def program(self) -> str | None:
        """The program it starts; None for what only a shell can tell."""
        words = self.words or ()
        if not words or _SHELLS_OWN.search(words[0]):
            return None
        if not self.value.startswith("!") and not is_absolute(self.value):
            return f"git-credential-{words[0]}"
        return words[0].lstrip("!") or (words[1] if len(words) > 1 else None)

    @property
    def program_meant(self) -> str:
        """The program it should start, of AWS's helper: the one it names, else `aws`."""
        if self.lacks_exclamation_mark:
            return (self.words or ("aws",))[0]
        return "aws" if self.is_wrapped_in_quotes or self.program is None else self.program

    def _profile(self) -> tuple[str | None, tuple[str, ...]]:
        words = self.words or ()
        for index, word in enumerate(words):
            if word == "--profile" and index + 1 < len(words):
                return words[index + 1], _cut_off(words[index + 2 :])
            if word.startswith("--profile="):
                return word.removeprefix("--profile="), _cut_off(words[index + 1 :])
        return None, ()


def read(value: str) -> HelperLine:
    """Return a helper's line in its parts."""
    try:
        words: tuple[str, ...] | None = tuple(shlex.split(value))
    except ValueError:
        words = None
    return HelperLine(value, words)


def _cut_off(words: tuple[str, ...]) -> tuple[str, ...]:
    ends = (
        index for index, word in enumerate(words) if word.startswith(("-", "$")) or word in _AFTER_A_PROFILE
    )
    return words[: next(ends, len(words))]
