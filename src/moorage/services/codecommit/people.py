"""People whom requests name by ARN."""

from __future__ import annotations

import re
from typing import Final

from moorage.core.faults import Fault
from moorage.services.codecommit import names

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
