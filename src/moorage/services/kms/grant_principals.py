"""Principals of grants: saved as unique ids where they have one, shown as ARNs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from moorage.core.arn import iam_arn
from moorage.core.faults import Fault
from moorage.policy import PolicyError, parse
from moorage.storage import policy_principals
from moorage.storage.policy_principals import UnknownPrincipal

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from moorage.services.call import Call
    from moorage.storage.kms_grants import GrantRow


def saved(connection: Connection, arn: str) -> str:
    """Return a principal as grants hold it: one made again later under the same name is another.

    Raises:
        Fault: InvalidArnException, there is none of that name.
    """
    if not arn.startswith("arn:"):
        raise Fault("InvalidArnException", f"{arn} is not the ARN of a principal.")
    try:
        parse(_policy(arn), "resource")
        return _principal(policy_principals.with_ids(connection, _policy(arn)))
    except (PolicyError, UnknownPrincipal):
        raise Fault("InvalidArnException", f"{arn} is not the ARN of a principal that exists.") from None


def shown(connection: Connection, rows: Iterable[GrantRow]) -> dict[str, str]:
    """Return the ARN of each principal that grants name; the id of one that is gone."""
    every = {name for row in rows for name in (row.grantee, row.retiring_principal) if name is not None}
    wanted = sorted(every)
    texts = policy_principals.with_arns(connection, [_policy(name) for name in wanted])
    return dict(zip(wanted, map(_principal, texts), strict=True))


def account_arn(call: Call, account_id: str) -> str:
    """Return the ARN that stands for an account."""
    return iam_arn(call.caller.partition, account_id, "root")


def _policy(name: str) -> str:
    """What policies do with their principals, grants do with theirs."""
    statement = {"Effect": "Allow", "Principal": {"AWS": name}, "Action": "kms:*", "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _principal(text: str) -> str:
    name: str = json.loads(text)["Statement"][0]["Principal"]["AWS"]
    return name
