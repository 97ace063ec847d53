from __future__ import annotations

import json

import pytest

from identities_at_hand import ACCOUNT, NOW_MS, Installation
from moorage.core.arn import GLOBAL_REGIONS
from moorage.core.faults import Fault
from moorage.core.secrets import Secret
from moorage.crypto.envelope import OpenFailed
from moorage.storage import (
    access_keys,
    accounts,
    attachments,
    aws_policies,
    groups,
    identities,
    identity_tags,
    policies,
    users,
)
from moorage.storage.access_keys import LastUse
from moorage.storage.attachments import InlinePolicyRow

ALLOW_ALL = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'


def test_a_new_account_has_a_root_key_that_names_the_account_and_opens_under_the_root_key(
    installation: Installation,
) -> None:
    with installation.database.read() as connection:
        owner = identities.key_owner(connection, installation.account.access_key_id)
    assert owner is not None
    assert (owner.account_id, owner.user_id, owner.active, owner.account_open) == (ACCOUNT, None, True, True)
    assert owner.arn == f"arn:aws:iam::{ACCOUNT}:root"
    context = access_keys.seal_context(owner.access_key_id)
    secret = installation.root_key.open(owner.secret_sealed, context).decode()
    assert secret == installation.root_secret.reveal()


def test_a_sealed_secret_put_into_another_keys_row_does_not_open(installation: Installation) -> None:
    with installation.database.read() as connection:
        owner = identities.key_owner(connection, installation.account.access_key_id)
    assert owner is not None
    with pytest.raises(OpenFailed):
        installation.root_key.open(owner.secret_sealed, access_keys.seal_context("AKIAOTHER"))


def test_an_operator_may_choose_the_root_key_and_a_taken_or_malformed_one_is_refused(
    installation: Installation,
) -> None:
    chosen = ("AKIDEXAMPLE00000TEST", Secret("moorage/test+Secret/Key+0123456789abcdef"))
    with installation.database.write() as connection:
        made = accounts.create(
            connection,
            installation.root_key,
            name="x",
            partition="aws",
            now_ms=NOW_MS,
            account_id="222233334444",
            root_access_key=chosen,
        )
    assert made.access_key_id == chosen[0]
    for key, message in ((chosen, "exists already"), (("short", Secret("x")), "16 to 128")):
        with pytest.raises(ValueError, match=message), installation.database.write() as connection:
            accounts.create(
                connection,
                installation.root_key,
                name="y",
                partition="aws",
                now_ms=NOW_MS,
                account_id="333344445555",
                root_access_key=key,
            )
    with installation.database.read() as connection:
        assert [row.account_id for row in accounts.listing(connection)] == [ACCOUNT, "222233334444"]


@pytest.mark.parametrize("account_id", ["123", "12345678901x", "١٢٣٤٥٦٧٨٩٠١٢", ACCOUNT])
def test_an_account_id_that_is_malformed_or_taken_is_refused(
    installation: Installation, account_id: str
) -> None:
    with pytest.raises(ValueError, match=r"twelve digits|exists already"):
        installation.add_account(account_id)


def test_every_change_raises_the_accounts_revision_and_a_failed_one_does_not(
    installation: Installation,
) -> None:
    before = installation.revision()
    with identities.change(installation.database, ACCOUNT):
        pass
    assert installation.revision() == before + 1
    with pytest.raises(ZeroDivisionError), identities.change(installation.database, ACCOUNT):
        raise ZeroDivisionError
    assert installation.revision() == before + 1


def test_a_closed_account_takes_no_changes_and_closes_once(installation: Installation) -> None:
    with installation.database.write() as connection:
        assert accounts.close(connection, ACCOUNT)
        assert not accounts.close(connection, ACCOUNT)
    with pytest.raises(Fault, match="AccessDenied"), identities.change(installation.database, ACCOUNT):
        pass
    with installation.database.read() as connection:
        assert identities.revision(connection, ACCOUNT) is None
        owner = identities.key_owner(connection, installation.account.access_key_id)
    assert owner is not None
    assert not owner.account_open


def test_a_user_is_found_by_its_exact_name_and_its_name_is_taken_in_any_case(
    installation: Installation,
) -> None:
    made = installation.add_user("Mary", path="/team/")
    with installation.database.read() as connection:
        assert users.find(connection, ACCOUNT, "Mary") == made
        assert users.find(connection, ACCOUNT, "mary") is None
        assert users.holder_of(connection, ACCOUNT, "mARY") == made
        assert users.find(connection, "222233334444", "Mary") is None
    assert made.arn("aws-cn") == f"arn:aws-cn:iam::{ACCOUNT}:user/team/Mary"


def test_the_policies_of_a_user_are_its_own_its_groups_and_the_boundary(installation: Installation) -> None:
    user = installation.add_user("mary")
    with identities.change(installation.database, ACCOUNT) as connection:
        group = groups.create(connection, ACCOUNT, "dev", path="/", now_ms=NOW_MS)
        groups.add_member(connection, group.group_id, user.user_id)
        own = policies.create(
            connection,
            ACCOUNT,
            "Own",
            path="/p/",
            description="",
            document=ALLOW_ALL,
            now_ms=NOW_MS,
        )
        admin = "arn:aws:iam::aws:policy/AdministratorAccess"
        attachments.attach(connection, ACCOUNT, user.user_id, own.arn("aws"), now_ms=NOW_MS)
        attachments.attach(connection, ACCOUNT, group.group_id, admin, now_ms=NOW_MS)
        attachments.put_inline(connection, ACCOUNT, InlinePolicyRow(user.user_id, "a", ALLOW_ALL))
        attachments.put_inline(connection, ACCOUNT, InlinePolicyRow(group.group_id, "b", ALLOW_ALL))
        users.set_boundary(connection, user.user_id, own.arn("aws"))
        newer = ALLOW_ALL.replace("*", "s3:*", 1)
        policies.add_version(connection, own, newer, now_ms=NOW_MS, make_default=True)
    with installation.database.read() as connection:
        found = identities.policies_of(connection, "aws", user.user_id)
    assert found is not None
    assert [policy.name for policy in found.identity] == [
        "inline policy a of user mary",
        f"arn:aws:iam::{ACCOUNT}:policy/p/Own",
        "inline policy b of group dev",
        admin,
    ]
    assert found.boundary is not None
    assert found.boundary.text == newer


def test_a_user_who_is_gone_has_no_policies_and_the_name_made_again_gets_another_id(
    installation: Installation,
) -> None:
    old = installation.add_user("mary")
    with identities.change(installation.database, ACCOUNT) as connection:
        identity_tags.put(connection, old.user_id, {"team": "a"})
        users.remove(connection, old.user_id)
    new = installation.add_user("mary")
    assert new.user_id != old.user_id
    with installation.database.read() as connection:
        assert identities.policies_of(connection, "aws", old.user_id) is None
        assert identities.tags_of(connection, old.user_id) == {}


def test_tag_keys_ignore_case_and_keep_the_last_spelling(installation: Installation) -> None:
    user = installation.add_user("mary")
    with identities.change(installation.database, ACCOUNT) as connection:
        identity_tags.put(connection, user.user_id, {"Team": "a", "cost": "1"})
        identity_tags.put(connection, user.user_id, {"TEAM": "b"})
        identity_tags.remove(connection, user.user_id, ["COST", "absent"])
    with installation.database.read() as connection:
        assert identities.tags_of(connection, user.user_id) == {"TEAM": "b"}


def test_a_keys_last_use_never_goes_back(installation: Installation) -> None:
    key = installation.account.access_key_id
    for at_ms in (2000, 1000):
        with installation.database.write() as connection:
            access_keys.note_uses(connection, {key: LastUse(at_ms, "iam", "us-east-1")})
    with installation.database.read() as connection:
        row = access_keys.find(connection, key)
    assert row is not None
    assert row.last_used_at_ms == 2000


def test_a_policy_arn_is_found_by_its_exact_path_and_name_only(installation: Installation) -> None:
    with identities.change(installation.database, ACCOUNT) as connection:
        made = policies.create(
            connection, ACCOUNT, "Own", path="/a/b/", description="", document=ALLOW_ALL, now_ms=NOW_MS
        )
        assert policies.find(connection, ACCOUNT, made.arn("aws")) == made
        for wrong in ("policy/Own", "policy/a/b/own", "policy/a/Own", "policy/", "role/a/b/Own"):
            assert policies.find(connection, ACCOUNT, f"arn:aws:iam::{ACCOUNT}:{wrong}") is None


@pytest.mark.parametrize("partition", GLOBAL_REGIONS)
def test_aws_policies_come_in_the_spelling_of_the_partition(partition: str) -> None:
    found = aws_policies.in_partition(partition)
    power_user = found[f"arn:{partition}:iam::aws:policy/AWSCodeCommitPowerUser"]
    assert power_user.version == "v18"
    assert f"arn:{partition}:iam::*:user/${{aws:username}}" in power_user.document
    assert json.loads(power_user.document)["Version"] == "2012-10-17"
    assert len({policy.policy_id for policy in found.values()}) == len(found) >= 20
