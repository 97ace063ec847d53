"""The KMS API on a real database: rules, key policies, grants and handlers as at the API's door."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from botocore.parsers import create_parser

from identities_at_hand import ACCOUNT, Installation, root_principal, user_principal
from moorage.core.faults import Fault
from moorage.core.principal import Caller, Principal
from moorage.services.call import Call
from moorage.services.kms import kms
from moorage.storage import attachments
from moorage.storage.attachments import InlinePolicyRow
from repositories_at_hand import Desk as RepositoryDesk

OTHER_ACCOUNT = "444455556666"


@dataclass
class KmsDesk:
    """Where one caller asks the KMS API. Answers are what botocore reads from the bytes sent."""

    repositories: RepositoryDesk
    call: Call

    @classmethod
    def at(cls, folder: Path) -> KmsDesk:
        made = RepositoryDesk.at(folder)
        return cls(made, made.call)

    @property
    def installation(self) -> Installation:
        return self.repositories.installation

    @property
    def caller(self) -> Caller:
        return self.call.caller

    def close(self) -> None:
        self.repositories.close()

    def of(self, principal: Principal) -> KmsDesk:
        caller = replace(self.caller, principal=principal)
        return KmsDesk(self.repositories, replace(self.call, caller=caller))

    def in_region(self, region: str) -> KmsDesk:
        return KmsDesk(self.repositories, replace(self.call, caller=replace(self.caller, region=region)))

    def of_user(self, name: str, *statements: Mapping[str, Any]) -> KmsDesk:
        """Return the desk of a new user with one inline policy."""
        user = self.installation.add_user(name)
        if statements:
            document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
            with self.installation.database.write() as connection:
                attachments.put_inline(connection, ACCOUNT, InlinePolicyRow(user.user_id, "tests", document))
        return self.of(user_principal(user))

    def of_other_account(self) -> KmsDesk:
        self.installation.add_account(OTHER_ACCOUNT)
        return self.of(root_principal(OTHER_ACCOUNT))

    def ask(self, name: str, **request: Any) -> dict[str, Any]:
        """Return what a client would read, or raise the Fault it would be told."""
        operation = kms.find(name)
        with self.call.database.one_snapshot():
            parsed = operation.parse(json.dumps(request, default=_base64).encode())
            for target in operation.targets(self.call, parsed):
                if target.ask is not None:
                    target.ask(operation.action)
                else:
                    self.call.gate.require(self.caller, operation.action, target.arn, target.context)
            answer = operation.render(operation.handle(self.call, parsed), "request-1")
        sent = {"status_code": answer.status, "headers": dict(answer.headers), "body": answer.body}
        read: dict[str, Any] = create_parser("json").parse(sent, operation.model.output_shape)
        read.pop("ResponseMetadata")
        return read

    def refusal(self, name: str, **request: Any) -> Fault:
        with pytest.raises(Fault) as refused:
            self.ask(name, **request)
        return refused.value

    def key(self, **more: Any) -> str:
        """Make a key; return its id."""
        made: str = self.ask("CreateKey", **more)["KeyMetadata"]["KeyId"]
        return made


def policy(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(*actions: str, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": "*", **more}


def deny(*actions: str, **more: Any) -> dict[str, Any]:
    return allow(*actions, **more) | {"Effect": "Deny"}


def to(*principals: str) -> dict[str, Any]:
    return {"Principal": {"AWS": list(principals)}}


ROOT = f"arn:aws:iam::{ACCOUNT}:root"
OTHER_ROOT = f"arn:aws:iam::{OTHER_ACCOUNT}:root"
DELEGATED = allow("kms:*", **to(ROOT))


def _base64(value: object) -> str:
    assert isinstance(value, bytes)
    return base64.b64encode(value).decode()
