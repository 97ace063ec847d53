"""Identities on both databases: what SQLite forgives and PostgreSQL does not, and races."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from identities_at_hand import ACCOUNT, NOW_MS, Desk, Installation, root_principal, user_principal
from moorage.core.faults import Fault
from moorage.crypto.root_key import RootKey
from moorage.services.iam import iam
from moorage.storage import access_keys, accounts, identities
from moorage.storage.access_keys import LastUse
from moorage.storage.database import Database

POWER_USER = "arn:aws:iam::aws:policy/AWSCodeCommitPowerUser"
OWN = f"arn:aws:iam::{ACCOUNT}:policy/own"
ALLOW = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iam:*", "Resource": "*"}]}'


@pytest.fixture
def installation(database: Database) -> Installation:
    root_key = RootKey(b"k" * 32)
    with database.write() as connection:
        account = accounts.create(
            connection, root_key, name="main", partition="aws", now_ms=NOW_MS, account_id=ACCOUNT
        )
    return Installation(database, root_key, account)


@pytest.fixture
def root(installation: Installation) -> Desk:
    return Desk(installation, iam, root_principal())


def outcomes(calls: list[Callable[[], object]]) -> list[str]:
    """Run calls at once and return the code each ended in, "done" when in none."""

    def run(call: Callable[[], object]) -> str:
        try:
            call()
        except Fault as fault:
            return fault.code
        return "done"

    with ThreadPoolExecutor(len(calls)) as pool:
        return sorted(pool.map(run, calls))


def test_a_users_whole_life(root: Desk, installation: Installation) -> None:
    root.ask("CreateUser", UserName="mary", Path="/t/", Tags=[{"Key": "Größe", "Value": "値"}])
    root.ask("CreateGroup", GroupName="dev")
    root.ask("AddUserToGroup", GroupName="dev", UserName="mary")
    root.ask("CreatePolicy", PolicyName="own", PolicyDocument=ALLOW)
    root.ask("AttachGroupPolicy", GroupName="dev", PolicyArn=OWN)
    root.ask("PutUserPermissionsBoundary", UserName="mary", PermissionsBoundary=OWN)
    key = root.ask("CreateAccessKey", UserName="mary")["AccessKey"]["AccessKeyId"]
    with installation.database.write() as connection:
        access_keys.note_uses(connection, {key: LastUse(NOW_MS, "iam", "us-east-1")})
    with installation.database.read() as connection:
        owner = identities.key_owner(connection, key)
    assert owner is not None
    assert owner.user_id is not None
    assert (owner.account_open, owner.active, owner.user_name) == (True, True, "mary")
    with installation.database.read() as connection:
        user = access_keys.find(connection, key)
        policies = identities.policies_of(connection, "aws", owner.user_id)
    assert user is not None
    assert user.last_used_service == "iam"
    assert policies is not None
    assert policies.boundary is not None
    assert [policy.name for policy in policies.identity] == [OWN]
    root.ask("RemoveUserFromGroup", GroupName="dev", UserName="mary")
    root.ask("DeleteAccessKey", UserName="mary", AccessKeyId=key)
    root.ask("DeleteUser", UserName="mary")
    root.ask("DetachGroupPolicy", GroupName="dev", PolicyArn=OWN)
    root.ask("DeleteGroup", GroupName="dev")
    root.ask("DeletePolicy", PolicyArn=OWN)


def test_of_eight_who_make_a_key_for_one_user_at_once_two_succeed(root: Desk) -> None:
    root.ask("CreateUser", UserName="mary")
    ended = outcomes([lambda: root.ask("CreateAccessKey", UserName="mary")] * 8)
    assert ended == ["LimitExceeded"] * 6 + ["done"] * 2


def test_of_eight_who_take_one_name_at_once_one_gets_it(root: Desk) -> None:
    ended = outcomes([lambda: root.ask("CreateUser", UserName="mary")] * 8)
    assert ended == ["EntityAlreadyExists"] * 7 + ["done"]


def test_a_policy_is_not_deleted_while_it_is_being_attached(root: Desk, installation: Installation) -> None:
    root.ask("CreateUser", UserName="mary")
    mary = installation_user(installation)
    for _ in range(5):
        root.ask("CreatePolicy", PolicyName="own", PolicyDocument=ALLOW)
        outcomes(
            [
                lambda: root.ask("DeletePolicy", PolicyArn=OWN),
                lambda: root.ask("AttachUserPolicy", UserName="mary", PolicyArn=OWN),
            ]
        )
        attached = root.ask("ListAttachedUserPolicies", UserName="mary")["AttachedPolicies"]
        # Either it is attached and there, or neither; what is asked with it never breaks.
        mary.refusal("DeleteUser", UserName="nobody")
        if attached:
            root.ask("DetachUserPolicy", UserName="mary", PolicyArn=OWN)
            root.ask("DeletePolicy", PolicyArn=OWN)


def installation_user(installation: Installation) -> Desk:
    from moorage.storage import users

    with installation.database.read() as connection:
        user = users.find(connection, ACCOUNT, "mary")
    assert user is not None
    return Desk(installation, iam, user_principal(user))


@pytest.mark.parametrize(
    ("operation", "request_members"),
    [
        ("CreateUser", {"UserName": "u" * 64, "Path": f"/{'p' * 510}/"}),
        ("CreateGroup", {"GroupName": "g" * 128, "Path": f"/{'p' * 510}/"}),
        ("CreatePolicy", {"PolicyName": "p" * 128, "PolicyDocument": ALLOW, "Description": "値" * 1000}),
        ("PutUserPolicy", {"UserName": "mary", "PolicyName": "p" * 128, "PolicyDocument": ALLOW}),
        ("TagUser", {"UserName": "mary", "Tags": [{"Key": "ü" * 128, "Value": "値" * 256}]}),
    ],
)
def test_the_longest_texts_that_the_model_allows_fit(
    root: Desk, operation: str, request_members: dict[str, object]
) -> None:
    root.ask("CreateUser", UserName="mary")
    root.ask(operation, **request_members)


def test_tag_keys_that_grow_when_their_case_is_folded_still_fit(root: Desk) -> None:
    root.ask("CreateUser", UserName="mary")
    # The small form of this letter has two code points.
    root.ask(
        "TagUser",
        UserName="mary",
        Tags=[{"Key": "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}" * 128, "Value": ""}],
    )
