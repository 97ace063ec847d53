"""Rows of roles and instance profiles, and the policies that bind a role."""

from __future__ import annotations

from identities_at_hand import ACCOUNT, NOW_MS, Installation
from moorage.storage import attachments, identities, identity_tags, policies, roles
from moorage.storage.attachments import InlinePolicyRow
from moorage.storage.roles import RoleRow

TRUST = '{"Version": "2012-10-17", "Statement": []}'
DOCUMENT = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "codecommit:*", "Resource": "*"}]}'
)


def a_role(installation: Installation, name: str = "Deploy", path: str = "/") -> RoleRow:
    with installation.database.write() as connection:
        return roles.create(connection, ACCOUNT, name, path=path, trust_policy=TRUST, now_ms=NOW_MS)


def test_a_role_has_an_id_of_its_kind_and_an_arn_with_its_path(installation: Installation) -> None:
    role = a_role(installation, path="/team/")
    assert role.role_id.startswith("AROA")
    assert len(role.role_id) == 21
    assert role.arn("aws-cn") == f"arn:aws-cn:iam::{ACCOUNT}:role/team/Deploy"


def test_a_role_is_found_by_its_very_name_and_holds_every_spelling_of_it(installation: Installation) -> None:
    role = a_role(installation)
    with installation.database.read() as connection:
        assert roles.find(connection, ACCOUNT, "Deploy") == role
        assert roles.find(connection, ACCOUNT, "deploy") is None
        assert roles.holder_of(connection, ACCOUNT, "DEPLOY") == role
        assert roles.by_id(connection, role.role_id) == role


def test_a_role_is_bound_by_its_own_policies_and_its_boundary(installation: Installation) -> None:
    role = a_role(installation)
    with installation.database.write() as connection:
        policy = policies.create(
            connection, ACCOUNT, "Limit", path="/", description="", document=DOCUMENT, now_ms=NOW_MS
        )
        arn = policy.arn("aws")
        attachments.put_inline(connection, ACCOUNT, InlinePolicyRow(role.role_id, "Own", DOCUMENT))
        attachments.attach(connection, ACCOUNT, role.role_id, arn, now_ms=NOW_MS)
        roles.set_boundary(connection, role.role_id, arn)
        found = identities.role_policies(connection, "aws", role.role_id)
        counted = roles.boundary_counts(connection, ACCOUNT)
        bounded = roles.bounded_by(connection, ACCOUNT, arn)
    assert found is not None
    assert [policy.name for policy in found.identity] == ["inline policy Own of role Deploy", arn]
    assert found.boundary is not None
    assert found.boundary.name == arn
    assert counted == {arn: 1}
    assert [row.name for row in bounded] == ["Deploy"]


def test_a_removed_role_leaves_no_policies_and_no_tags(installation: Installation) -> None:
    role = a_role(installation)
    with installation.database.write() as connection:
        identity_tags.put(connection, role.role_id, {"team": "blue"})
        roles.remove(connection, role.role_id)
        assert identities.role_policies(connection, "aws", role.role_id) is None
        assert identities.tags_of(connection, role.role_id) == {}
