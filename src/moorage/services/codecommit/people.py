"""People whom requests name by ARN."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from moorage.core.faults import Fault
from moorage.services.codecommit import names
from moorage.storage import policy_principals

if TYPE_CHECKING:
    from sqlalchemy import Connection

# A user, the root user, a session of a role, a federated user.
_PERSON: Final = re.compile(
    r"arn:aws[a-z-]*:(iam::[0-9]{12}:(root|user/[!-~]+|role/[!-~]+)"
    r"|sts::[0-9]{12}:(assumed-role/[!-~]+/[!-~]+|federated-user/[!-~]+))",
    re.ASCII,
)


def person_form(arn: str, error: str) -> None:
    """Refuse, with the error named so, what is no ARN of a person or role."""
    if not _PERSON.fullmatch(arn):
        raise Fault(
            error, f"{names.shown(arn)} is not the ARN of a user, a role's session or a federated user"
        )


def known_person(connection: Connection, arn: str) -> bool:
    """Tell whether there is the user or role; of whom nothing is kept, there is whoever is named."""
    try:
        policy_principals.with_ids(connection, json.dumps({"Statement": [{"Principal": {"AWS": arn}}]}))
    except policy_principals.UnknownPrincipal:
        return False
    return True
