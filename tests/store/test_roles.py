"""Roles on both databases: foreign keys, names and what trust policies hold."""

from __future__ import annotations

import json
from urllib.parse import unquote

import pytest

from identities_at_hand import ACCOUNT, NOW_MS, Desk, Installation, root_principal
from moorage.crypto.root_key import RootKey
from moorage.services.iam import iam
from moorage.storage import accounts, roles
from moorage.storage.access_keys import LastUse
from moorage.storage.database import Database

ALLOW = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iam:*", "Resource": "*"}]}'


def trust(principal: object) -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def root(database: Database) -> Desk:
    root_key = RootKey(b"k" * 32)
    with database.write() as connection:
        account = accounts.create(
            connection, root_key, name="main", partition="aws", now_ms=NOW_MS, account_id=ACCOUNT
        )
    return Desk(Installation(database, root_key, account), iam, root_principal())


def test_a_roles_whole_life(root: Desk) -> None:
    user = root.ask("CreateUser", UserName="mary")["User"]
    made = root.ask(
        "CreateRole",
        RoleName="r" * 64,
        Path="/" + "p" * 510 + "/",
        Description="ü" * 1000,
        AssumeRolePolicyDocument=trust({"AWS": user["Arn"]}),
        Tags=[{"Key": "Größe", "Value": "値"}],
    )["Role"]
    root.ask("PutRolePolicy", RoleName="r" * 64, PolicyName="own", PolicyDocument=ALLOW)
    root.ask("CreateInstanceProfile", InstanceProfileName="p" * 128)
    root.ask("AddRoleToInstanceProfile", InstanceProfileName="p" * 128, RoleName="r" * 64)
    with root.installation.database.write() as connection:
        roles.note_uses(connection, {made["RoleId"]: LastUse(NOW_MS, "iam", "us-east-1")})
    [listed] = root.ask("ListRoles")["Roles"]
    shown = json.loads(unquote(listed["AssumeRolePolicyDocument"]))
    assert shown["Statement"][0]["Principal"] == {"AWS": user["Arn"]}
    assert root.ask("GetRole", RoleName="r" * 64)["Role"]["RoleLastUsed"]["Region"] == "us-east-1"
    assert root.refusal("DeleteRole", RoleName="r" * 64).code == "DeleteConflict"
    root.ask("RemoveRoleFromInstanceProfile", InstanceProfileName="p" * 128, RoleName="r" * 64)
    root.ask("DeleteInstanceProfile", InstanceProfileName="p" * 128)
    root.ask("DeleteRolePolicy", RoleName="r" * 64, PolicyName="own")
    root.ask("DeleteRole", RoleName="r" * 64)
    assert root.ask("ListRoles")["Roles"] == []


def test_a_role_that_trusts_nobody_known_is_not_made(root: Desk) -> None:
    nobody = trust({"AWS": f"arn:aws:iam::{ACCOUNT}:user/nobody"})
    request = {"RoleName": "R", "AssumeRolePolicyDocument": nobody}
    assert root.refusal("CreateRole", **request).code == "MalformedPolicyDocument"
    assert root.ask("ListRoles")["Roles"] == []
