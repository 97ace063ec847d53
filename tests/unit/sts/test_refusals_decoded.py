from __future__ import annotations

import json
from dataclasses import replace

import pytest

from identities_at_hand import ACCOUNT, Desk, Installation, root_principal, user_principal
from moorage.core.faults import Fault
from moorage.edge import audited
from moorage.services.sts import sts
from moorage.storage import audit
from sessions_at_hand import Sessions, allow

OTHER = "999988887777"
REQUEST = "0c5e1a9e-5a0f-4a7c-9d7a-0f6c7d1f2a3b"
DEMO = f"arn:aws:codecommit:us-east-2:{ACCOUNT}:demo"


@pytest.fixture
def refused(installation: Installation) -> str:
    """A request of mary's that a statement denied, as the doors write it down."""
    mary = installation.add_user("mary")
    deny = {"Sid": "NoPush", "Effect": "Deny", "Action": "codecommit:GitPush", "Resource": "*"}
    Sessions(installation).permit(mary.user_id, allow("codecommit:*"), deny)
    desk = Desk(installation, sts, user_principal(mary))
    caller = replace(desk.call.caller, request_id=REQUEST)
    with pytest.raises(Fault) as denied:
        desk.call.gate.require(caller, "codecommit:GitPush", DEMO)
    row = audited.refusal(caller, "codecommit:GitPush", [DEMO], denied.value)
    with installation.database.write() as connection:
        audit.record(connection, row)
    return REQUEST


def test_a_request_id_tells_an_administrator_what_decided(installation: Installation, refused: str) -> None:
    answer = Desk(installation, sts, root_principal()).ask(
        "DecodeAuthorizationMessage", EncodedMessage=refused
    )
    decoded = json.loads(answer["DecodedMessage"])
    assert (decoded["allowed"], decoded["explicitDeny"]) == (False, True)
    assert decoded["matchedStatements"]["items"] == [
        {
            "statementId": "NoPush",
            "effect": "DENY",
            "sourcePolicyId": "inline policy rights of user mary",
        }
    ]
    assert decoded["context"]["principal"] == {"arn": f"arn:aws:iam::{ACCOUNT}:user/mary"}
    assert (decoded["context"]["action"], decoded["context"]["resource"]) == ("codecommit:GitPush", DEMO)
    keys = {item["key"]: item["values"]["items"] for item in decoded["context"]["conditions"]["items"]}
    assert keys["aws:username"] == [{"value": "mary"}]


def denied_to(desk: Desk) -> Fault:
    return desk.refusal("DecodeAuthorizationMessage", EncodedMessage=REQUEST)


def test_nobody_else_learns_anything_from_it(installation: Installation, refused: str) -> None:
    joe = Desk(installation, sts, user_principal(installation.add_user("joe")))
    assert joe.refusal("DecodeAuthorizationMessage", EncodedMessage=refused).code == "AccessDenied"
    row = audited.refusal(
        replace(joe.call.caller, request_id="r2"), "sts:DecodeAuthorizationMessage", ["*"], denied_to(joe)
    )
    with installation.database.write() as connection:
        audit.record(connection, row)
    decoded = Desk(installation, sts, root_principal()).ask("DecodeAuthorizationMessage", EncodedMessage="r2")
    assert json.loads(decoded["DecodedMessage"])["matchedStatements"] == {"items": []}


def test_an_id_of_another_account_or_of_nothing_is_no_message(
    installation: Installation, refused: str
) -> None:
    installation.add_account(OTHER)
    abroad = Desk(installation, sts, root_principal(OTHER))
    unknown = "InvalidAuthorizationMessageException"
    assert abroad.refusal("DecodeAuthorizationMessage", EncodedMessage=refused).code == unknown
    here = Desk(installation, sts, root_principal())
    assert here.refusal("DecodeAuthorizationMessage", EncodedMessage="no such id").code == unknown
