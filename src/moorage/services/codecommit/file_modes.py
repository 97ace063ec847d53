"""The three modes that a file has in the API, and Git's for them."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from moorage.git.trees import EXECUTABLE, NORMAL, SYMLINK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moorage.services.codecommit.targets import Request

GIT_MODES: Final[Mapping[str, int]] = MappingProxyType(
    {"EXECUTABLE": EXECUTABLE, "NORMAL": NORMAL, "SYMLINK": SYMLINK}
)
_NAMES: Final = {mode: name for name, mode in GIT_MODES.items()}


def name_of(mode: int) -> str:
    """Return the API's name of a file's Git mode."""
    return _NAMES[mode]


def git_mode(entry: Request) -> int | None:
    """Return the Git mode that a request or an entry of it asks for in `fileMode`."""
    return GIT_MODES[entry["fileMode"]] if "fileMode" in entry else None
