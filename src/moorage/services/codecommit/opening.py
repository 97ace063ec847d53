"""From a request to the contents of the repository it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from moorage.repos.opened import OpenRepository
    from moorage.services.call import Call
    from moorage.services.codecommit.targets import Request


def opened(call: Call, request: Request) -> OpenRepository:
    """Open the repository `repositoryName` as it stands now.

    Raises:
        Fault: RepositoryDoesNotExistException, or one of the errors of its key.
    """
    row = call.repositories.require(call.caller, request["repositoryName"])
    return call.opener.open(call.caller, row)
