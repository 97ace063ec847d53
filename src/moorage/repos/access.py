"""From a caller and a name to an opened repository: the order of questions is the same at every Git door."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from moorage.core.arn import repository_arn
from moorage.core.principal import Caller
from moorage.repos.opened import Opener, OpenRepository
from moorage.repos.repositories import Repositories, does_not_exist

if TYPE_CHECKING:
    from moorage.auth.gate import Gate

PULL = "codecommit:GitPull"
PUSH = "codecommit:GitPush"


def tag_context(tags: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return a repository's tags as the condition keys that policies ask for; AWS documents both forms."""
    return {
        f"{prefix}:ResourceTag/{key}": (value,)
        for prefix in ("aws", "codecommit")
        for key, value in tags.items()
    }


@dataclass(frozen=True, slots=True)
class Access:
    """A repository opened for one request, and what policies may ask about it."""

    opened: OpenRepository
    context: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class GitAccess:
    """Opens repositories for git: right first, existence second, key third."""

    gate: Gate
    repositories: Repositories
    opener: Opener

    def open(self, caller: Caller, name: str, action: str) -> Access:
        """Open a repository for `action`; for a push, no ref is named yet.

        Raises:
            Fault: AccessDenied, also where the repository does not exist and the caller has no
                right to its name; RepositoryDoesNotExistException (404); one of the KMS errors.
        """
        found = self.repositories.find(caller.account_id, caller.region, name)
        tags = found[1] if found else {}
        context = tag_context(tags)
        self.gate.require(caller, action, repository_arn(caller.region, caller.account_id, name), context)
        if found is None:
            raise does_not_exist(name)
        return Access(self.opener.open(caller, found[0]), context)
