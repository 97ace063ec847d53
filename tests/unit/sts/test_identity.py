from __future__ import annotations

import pytest

from identities_at_hand import ACCOUNT, Desk, Installation, root_principal, user_principal
from moorage.services.sts import sts
from moorage.storage import attachments, identities
from moorage.storage.attachments import InlinePolicyRow

DENY_ALL = '{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}'


def test_root_and_users_are_told_who_they_are(installation: Installation) -> None:
    mary = installation.add_user("mary", path="/team/")
    assert Desk(installation, sts, root_principal()).ask("GetCallerIdentity") == {
        "UserId": ACCOUNT,
        "Account": ACCOUNT,
        "Arn": f"arn:aws:iam::{ACCOUNT}:root",
    }
    assert Desk(installation, sts, user_principal(mary)).ask("GetCallerIdentity") == {
        "UserId": mary.user_id,
        "Account": ACCOUNT,
        "Arn": f"arn:aws:iam::{ACCOUNT}:user/team/mary",
    }


def test_no_deny_can_hide_a_caller_from_itself(installation: Installation) -> None:
    mary = installation.add_user("mary")
    with identities.change(installation.database, ACCOUNT) as connection:
        attachments.put_inline(connection, ACCOUNT, InlinePolicyRow(mary.user_id, "deny", DENY_ALL))
    desk = Desk(installation, sts, user_principal(mary))
    assert desk.ask("GetCallerIdentity")["UserId"] == mary.user_id
    key = installation.account.access_key_id
    assert desk.refusal("GetAccessKeyInfo", AccessKeyId=key).code == "AccessDenied"


@pytest.mark.parametrize(
    ("key", "account"), [("ASIAQNZGKIQY56JQ7WML", "029608264753"), ("AKIDEXAMPLE00000TEST", None)]
)
def test_a_key_ids_account_is_told_even_of_keys_that_are_not_here(
    installation: Installation, key: str, account: str | None
) -> None:
    desk = Desk(installation, sts, root_principal())
    if account is None:
        assert desk.refusal("GetAccessKeyInfo", AccessKeyId=key).code == "ValidationError"
    else:
        assert desk.ask("GetAccessKeyInfo", AccessKeyId=key) == {"Account": account}
    assert desk.ask("GetAccessKeyInfo", AccessKeyId=installation.account.access_key_id) == {
        "Account": ACCOUNT
    }
