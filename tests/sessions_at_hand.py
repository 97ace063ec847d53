"""Roles with trust policies, and the principals that credentials of STS make, without a server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from identities_at_hand import ACCOUNT, NOW, NOW_MS, Desk, Installation, user_principal
from moorage.auth.key_holders import Holder, KeyHolders, Unusable
from moorage.core.principal import Principal
from moorage.core.secrets import Secret
from moorage.services.sts import sts
from moorage.storage import attachments, identities, policy_principals, roles
from moorage.storage.attachments import InlinePolicyRow
from moorage.storage.roles import RoleRow
from moorage.storage.users import UserRow

Statement = Mapping[str, object]


def document(*statements: Statement) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str, resource: str = "*", **more: object) -> Statement:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def trusting(principal: str, *actions: str, **more: object) -> Statement:
    return {
        "Effect": "Allow",
        "Principal": {"AWS": principal},
        "Action": list(actions or ("sts:AssumeRole",)),
        **more,
    }


@dataclass
class Sessions:
    """Opens sessions in an installation, and calls with them."""

    installation: Installation
    holders: KeyHolders = field(init=False)

    def __post_init__(self) -> None:
        self.holders = KeyHolders(self.installation.database, self.installation.root_key)

    def role(self, name: str, *trust: Statement, account_id: str = ACCOUNT, **more: Any) -> RoleRow:
        with identities.change(self.installation.database, account_id) as connection:
            text = policy_principals.with_ids(connection, document(*trust))
            return roles.create(
                connection, account_id, name, **{"path": "/", "trust_policy": text, "now_ms": NOW_MS, **more}
            )

    def permit(self, owner_id: str, *statements: Statement, account_id: str = ACCOUNT) -> None:
        with identities.change(self.installation.database, account_id) as connection:
            row = InlinePolicyRow(owner_id, "rights", document(*statements))
            attachments.put_inline(connection, account_id, row)

    def desk(self, caller: UserRow | Principal) -> Desk:
        principal = user_principal(caller) if isinstance(caller, UserRow) else caller
        return Desk(self.installation, sts, principal)

    def holder(self, credentials: Mapping[str, Any], at: datetime = NOW) -> Holder | Unusable:
        """Return who holds credentials as STS answered them, as every door finds it."""
        token = Secret(credentials["SessionToken"])
        return self.holders.find(credentials["AccessKeyId"], token, at + timedelta(seconds=1))

    def principal(self, credentials: Mapping[str, Any]) -> Principal:
        found = self.holder(credentials)
        assert isinstance(found, Holder), found
        assert found.secret.reveal() == credentials["SecretAccessKey"]
        return found.principal

    def assume(self, caller: UserRow | Principal, role: RoleRow, **more: Any) -> Principal:
        request = {"RoleArn": role.arn("aws"), "RoleSessionName": "nightly", **more}
        return self.principal(self.desk(caller).ask("AssumeRole", **request)["Credentials"])
