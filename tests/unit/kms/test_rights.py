from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from sqlalchemy import update

from identities_at_hand import ACCOUNT, user_principal
from kms_at_hand import DELEGATED, OTHER_ACCOUNT, OTHER_ROOT, ROOT, KmsDesk, allow, deny, policy, to
from moorage.core.principal import Principal, Session
from moorage.policy import Access
from moorage.storage import kms_keys, tables, users

TEXT = b"plaintext"


def arn_of(desk: KmsDesk) -> str:
    return str(desk.caller.principal.arn)


def test_a_key_made_without_policy_leaves_it_to_the_accounts_policies(desk: KmsDesk) -> None:
    key_id = desk.key()
    assert desk.of_user("none").refusal("Encrypt", KeyId=key_id, Plaintext=TEXT).code == "AccessDenied"
    desk.of_user("some", allow("kms:Encrypt")).ask("Encrypt", KeyId=key_id, Plaintext=TEXT)


def test_a_key_policy_may_allow_a_user_by_itself(desk: KmsDesk) -> None:
    mary = desk.of_user("mary")
    key_id = desk.key(Policy=policy(DELEGATED, allow("kms:Encrypt", **to(arn_of(mary)))))
    mary.ask("Encrypt", KeyId=key_id, Plaintext=TEXT)
    fault = mary.refusal("DescribeKey", KeyId=key_id)
    assert "because no identity-based policy allows the kms:DescribeKey action" in fault.message


def test_without_delegation_not_even_root_gets_in_through_iam(desk: KmsDesk) -> None:
    mary = desk.of_user("mary", allow("kms:*"))
    key_id = mary.key(Policy=policy(allow("kms:*", **to(arn_of(mary)))))
    assert desk.refusal("DescribeKey", KeyId=key_id).code == "AccessDenied"
    other = desk.of_user("admin", allow("*"))
    fault = other.refusal("PutKeyPolicy", KeyId=key_id, Policy=policy(DELEGATED))
    assert "because no resource-based policy allows the kms:PutKeyPolicy action" in fault.message


def test_a_policy_that_locks_its_maker_out_is_refused_unless_the_check_is_bypassed(desk: KmsDesk) -> None:
    shut = policy(allow("kms:Encrypt", **to(ROOT)))
    assert desk.refusal("CreateKey", Policy=shut).code == "MalformedPolicyDocumentException"
    key_id = desk.key()
    fault = desk.refusal("PutKeyPolicy", KeyId=key_id, Policy=shut)
    assert fault.code == "MalformedPolicyDocumentException"
    assert "will not allow you to update the key policy" in fault.message
    desk.ask("PutKeyPolicy", KeyId=key_id, Policy=shut, BypassPolicyLockoutSafetyCheck=True)
    again = policy(DELEGATED)
    assert desk.refusal("PutKeyPolicy", KeyId=key_id, Policy=again).code == "AccessDenied"
    desk.ask("Encrypt", KeyId=key_id, Plaintext=TEXT)


def test_a_deny_in_the_key_policy_beats_every_allow(desk: KmsDesk) -> None:
    mary = desk.of_user("mary", allow("*"))
    key_id = desk.key(Policy=policy(DELEGATED, deny("kms:Decrypt", **to(arn_of(mary)))))
    sealed = mary.ask("Encrypt", KeyId=key_id, Plaintext=TEXT)["CiphertextBlob"]
    fault = mary.refusal("Decrypt", CiphertextBlob=sealed)
    assert "with an explicit deny in a resource-based policy" in fault.message


def test_a_user_made_again_is_nobody_to_the_policy_of_the_first(desk: KmsDesk) -> None:
    mary = desk.of_user("mary")
    text = policy(DELEGATED, allow("kms:Encrypt", **to(arn_of(mary))))
    key_id = desk.key(Policy=text)
    assert json.loads(desk.ask("GetKeyPolicy", KeyId=key_id)["Policy"]) == json.loads(
        policy(DELEGATED | {"Principal": {"AWS": [ROOT]}}, allow("kms:Encrypt", **to(arn_of(mary))))
    )
    with desk.call.database.write() as connection:
        users.remove(connection, mary.caller.principal.unique_id)
    again = desk.of_user("mary")
    assert again.refusal("Encrypt", KeyId=key_id, Plaintext=TEXT).code == "AccessDenied"
    shown = desk.ask("GetKeyPolicy", KeyId=key_id)["Policy"]
    assert mary.caller.principal.unique_id in shown
    assert "user/mary" not in shown


def test_a_policy_names_only_who_is_there(desk: KmsDesk) -> None:
    text = policy(DELEGATED, allow("kms:Encrypt", **to(f"arn:aws:iam::{ACCOUNT}:user/nobody")))
    fault = desk.refusal("CreateKey", Policy=text)
    assert (fault.code, "invalid principals" in fault.message) == ("MalformedPolicyDocumentException", True)


def test_another_accounts_principal_needs_both_sides(desk: KmsDesk) -> None:
    other = desk.of_other_account()
    arn = str(desk.ask("CreateKey")["KeyMetadata"]["Arn"])
    assert other.refusal("Encrypt", KeyId=arn, Plaintext=TEXT).code == "AccessDenied"
    desk.ask(
        "PutKeyPolicy",
        KeyId=arn,
        Policy=policy(DELEGATED, allow("kms:Encrypt", "kms:*Key", **to(OTHER_ROOT))),
    )
    other.ask("Encrypt", KeyId=arn, Plaintext=TEXT)
    with desk.call.database.write() as connection:
        theirs = users.create(connection, OTHER_ACCOUNT, "eve", path="/", now_ms=1)
    eve = desk.of(user_principal(theirs))
    assert eve.refusal("Encrypt", KeyId=arn, Plaintext=TEXT).code == "AccessDenied"
    assert other.refusal("DisableKey", KeyId=arn).code == "AccessDenied", "no change from abroad"


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        ({"StringEquals": {"kms:EncryptionContext:team": "a"}}, True),
        ({"StringEquals": {"kms:EncryptionContext:team": "b"}}, False),
        ({"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["team"]}}, True),
        ({"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["other"]}}, False),
        ({"StringEquals": {"kms:RequestAlias": "alias/team"}}, True),
        ({"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/team"}}, True),
        ({"StringEquals": {"kms:CallerAccount": ACCOUNT}}, True),
        ({"StringEquals": {"kms:CallerAccount": OTHER_ACCOUNT}}, False),
        ({"StringEquals": {"kms:ViaService": "codecommit.us-east-2.amazonaws.com"}}, False),
        ({"StringEquals": {"kms:KeySpec": "SYMMETRIC_DEFAULT", "kms:KeyUsage": "ENCRYPT_DECRYPT"}}, True),
        ({"StringEquals": {"kms:KeyOrigin": "EXTERNAL"}}, False),
        ({"StringEquals": {"aws:ResourceTag/team": "a"}}, True),
        ({"StringEquals": {"aws:ResourceTag/team": "b"}}, False),
    ],
)
def test_policies_may_ask_how_a_key_is_used(desk: KmsDesk, condition: dict[str, Any], allowed: bool) -> None:
    key_id = desk.key(Tags=[{"TagKey": "team", "TagValue": "a"}])
    desk.ask("CreateAlias", AliasName="alias/team", TargetKeyId=key_id)
    mary = desk.of_user("mary", allow("kms:Encrypt", Condition=condition))
    request = {"KeyId": "alias/team", "Plaintext": TEXT, "EncryptionContext": {"team": "a"}}
    if allowed:
        mary.ask("Encrypt", **request)
    else:
        assert mary.refusal("Encrypt", **request).code == "AccessDenied"


# --- grants ------------------------------------------------------------------------------------


def grant(desk: KmsDesk, key_id: str, to_whom: KmsDesk, *operations: str, **more: Any) -> dict[str, Any]:
    return desk.ask(
        "CreateGrant", KeyId=key_id, GranteePrincipal=arn_of(to_whom), Operations=list(operations), **more
    )


def test_a_grant_lets_its_grantee_in_until_it_is_revoked(desk: KmsDesk) -> None:
    key_id, mary = desk.key(), desk.of_user("mary")
    made = grant(desk, key_id, mary, "Encrypt", Name="tests")
    assert grant(desk, key_id, mary, "Encrypt", Name="tests") == made, "the same again is the same"
    mary.ask("Encrypt", KeyId=key_id, Plaintext=TEXT, GrantTokens=[made["GrantToken"]])
    assert mary.refusal("DescribeKey", KeyId=key_id).code == "AccessDenied"
    (listed,) = desk.ask("ListGrants", KeyId=key_id)["Grants"]
    assert (listed["GrantId"], listed["GranteePrincipal"]) == (made["GrantId"], arn_of(mary))
    assert desk.of_user("bob").refusal("Encrypt", KeyId=key_id, Plaintext=TEXT).code == "AccessDenied"
    desk.ask("RevokeGrant", KeyId=key_id, GrantId=made["GrantId"])
    assert mary.refusal("Encrypt", KeyId=key_id, Plaintext=TEXT).code == "AccessDenied"
    assert desk.ask("ListGrants", KeyId=key_id)["Grants"] == []


def test_a_grant_does_not_beat_a_deny(desk: KmsDesk) -> None:
    key_id, mary = desk.key(), desk.of_user("mary", deny("kms:Encrypt"))
    grant(desk, key_id, mary, "Encrypt")
    assert mary.refusal("Encrypt", KeyId=key_id, Plaintext=TEXT).code == "AccessDenied"


@pytest.mark.parametrize(
    ("constraints", "context", "allowed"),
    [
        ({"EncryptionContextEquals": {"a": "1"}}, {"a": "1"}, True),
        ({"EncryptionContextEquals": {"a": "1"}}, {"a": "1", "b": "2"}, False),
        ({"EncryptionContextEquals": {"a": "1"}}, {}, False),
        ({"EncryptionContextEquals": {"A": "1"}}, {"a": "1"}, False),
        ({"EncryptionContextSubset": {"a": "1"}}, {"a": "1", "b": "2"}, True),
        ({"EncryptionContextSubset": {"a": "1"}}, {"a": "2", "A": "1"}, False),
        ({"EncryptionContextSubset": {"a": "*"}}, {"a": "2"}, False),
    ],
)
def test_a_grant_binds_the_encryption_context(
    desk: KmsDesk, constraints: dict[str, Any], context: dict[str, str], allowed: bool
) -> None:
    key_id, mary = desk.key(), desk.of_user("mary")
    grant(desk, key_id, mary, "Encrypt", Constraints=constraints)
    request = {"KeyId": key_id, "Plaintext": TEXT, "EncryptionContext": context}
    if allowed:
        mary.ask("Encrypt", **request)
    else:
        assert mary.refusal("Encrypt", **request).code == "AccessDenied"


def test_a_grantee_passes_on_no_more_than_it_has(desk: KmsDesk) -> None:
    key_id, mary, bob = desk.key(), desk.of_user("mary"), desk.of_user("bob")
    constraints = {"EncryptionContextSubset": {"a": "1"}}
    grant(desk, key_id, mary, "CreateGrant", "Encrypt", Constraints=constraints)

    def refused(*operations: str, **more: Any) -> bool:
        request = {"KeyId": key_id, "GranteePrincipal": arn_of(bob), "Operations": list(operations)}
        return mary.refusal("CreateGrant", **request, **more).code == "AccessDenied"

    assert refused("Decrypt", Constraints=constraints)
    assert refused("Encrypt")
    assert refused("Encrypt", Constraints={"EncryptionContextSubset": {"b": "1"}})
    stricter = {"EncryptionContextEquals": {"a": "1", "b": "2"}}
    grant(mary, key_id, bob, "Encrypt", Constraints=stricter)
    bob.ask("Encrypt", KeyId=key_id, Plaintext=TEXT, EncryptionContext={"a": "1", "b": "2"})


def test_a_grant_is_retired_by_whom_it_names_for_that_and_by_nobody_else(desk: KmsDesk) -> None:
    key_id, mary, bob = desk.key(), desk.of_user("mary"), desk.of_user("bob")
    made = grant(desk, key_id, mary, "Encrypt", RetiringPrincipal=arn_of(bob))
    assert mary.refusal("RetireGrant", GrantToken=made["GrantToken"]).code == "AccessDenied"
    listed = desk.ask("ListRetirableGrants", RetiringPrincipal=arn_of(bob))["Grants"]
    assert [entry["GrantId"] for entry in listed] == [made["GrantId"]]
    bob.ask("RetireGrant", KeyId=listed[0]["KeyId"], GrantId=made["GrantId"])
    assert mary.refusal("Encrypt", KeyId=key_id, Plaintext=TEXT).code == "AccessDenied"
    own = grant(desk, key_id, mary, "Encrypt", "RetireGrant")
    mary.ask("RetireGrant", GrantToken=own["GrantToken"])
    desk.ask("RetireGrant", GrantToken=grant(desk, key_id, mary, "Encrypt")["GrantToken"])


def test_a_grant_crosses_accounts_alone_and_dies_with_its_user(desk: KmsDesk) -> None:
    desk.of_other_account()
    key_id = desk.key()
    with desk.call.database.write() as connection:
        theirs = users.create(connection, OTHER_ACCOUNT, "eve", path="/", now_ms=1)
    eve = desk.of(user_principal(theirs))
    grant(desk, key_id, eve, "Encrypt")
    arn = desk.ask("DescribeKey", KeyId=key_id)["KeyMetadata"]["Arn"]
    eve.ask("Encrypt", KeyId=arn, Plaintext=TEXT)
    with desk.call.database.write() as connection:
        users.remove(connection, theirs.user_id)
        again = users.create(connection, OTHER_ACCOUNT, "eve", path="/", now_ms=1)
    assert desk.of(user_principal(again)).refusal("Encrypt", KeyId=arn, Plaintext=TEXT).code == "AccessDenied"


def test_a_grant_to_a_user_does_not_widen_a_narrowed_session(desk: KmsDesk) -> None:
    role = "arn:aws:iam::111122223333:role/worker"
    key_id = desk.key()
    with desk.call.database.write() as connection:
        key = kms_keys.find(connection, key_id)
        assert key is not None
    narrowed = policy(allow("codecommit:*"))
    principal = Principal(
        "role-session",
        desk.caller.principal.arn.__class__("arn:aws:sts::111122223333:assumed-role/worker/one"),
        ACCOUNT,
        "aws",
        "AROAEXAMPLEEXAMPLE234:one",
        session=Session(
            desk.caller.now,
            desk.caller.now,
            desk.caller.principal.arn.__class__(role),
            "AROAEXAMPLEEXAMPLE234",
            policies=(narrowed,),
        ),
    )
    mary = desk.of_user("mary")
    grant(desk, key_id, mary, "Encrypt")
    with desk.call.database.write() as connection:
        connection.execute(update(tables.kms_grants).values(grantee="AROAEXAMPLEEXAMPLE234"))
    assert desk.of(principal).refusal("Encrypt", KeyId=key_id, Plaintext=TEXT).code == "AccessDenied"
    free = dataclasses.replace(
        principal, session=dataclasses.replace(principal.session, policies=()) if principal.session else None
    )
    desk.of(free).ask("Encrypt", KeyId=key_id, Plaintext=TEXT)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"GranteePrincipal": f"arn:aws:iam::{ACCOUNT}:user/nobody"}, "InvalidArnException"),
        ({"GranteePrincipal": "mary"}, "InvalidArnException"),
        ({"GrantTokens": ["none"]}, "InvalidGrantTokenException"),
        ({"GranteeServicePrincipal": "s3.amazonaws.com"}, "ValidationError"),
        ({"DryRun": True}, "DryRunOperationException"),
    ],
)
def test_a_grant_that_cannot_be_is_refused(desk: KmsDesk, more: dict[str, Any], code: str) -> None:
    mary = desk.of_user("mary")
    request = {"KeyId": desk.key(), "GranteePrincipal": arn_of(mary), "Operations": ["Decrypt"], **more}
    assert desk.refusal("CreateGrant", **request).code == code


def test_a_key_of_another_account_is_told_from_none_by_nobody(desk: KmsDesk) -> None:
    other = desk.of_other_account()
    key_id = desk.key()
    desk.ask("CreateAlias", AliasName="alias/team", TargetKeyId=key_id)
    there = f"arn:aws:kms:{desk.caller.region}:{ACCOUNT}:"
    listed = other.refusal("ListAliases", KeyId=f"{there}key/{key_id}")
    assert listed.code == "NotFoundException"
    for real, none in (
        (f"key/{key_id}", "key/12345678-1234-1234-1234-123456789012"),
        ("alias/team", "alias/none"),
    ):
        for operation, more in (("DescribeKey", {}), ("Encrypt", {"Plaintext": TEXT})):
            told, missing = (other.refusal(operation, KeyId=there + name, **more) for name in (real, none))
            assert (told.code, told.message) == (missing.code, missing.message.replace(none, real))
            assert key_id not in told.message or key_id in real
            assert set(told.detail) == set(missing.detail)
            access = told.detail["access"]
            assert isinstance(access, Access)
            assert "kms:ResourceAliases" not in access.context


def test_a_ciphertext_of_another_account_tells_nothing_of_its_key(desk: KmsDesk) -> None:
    other = desk.of_other_account()
    key_id = desk.key()
    sealed = desk.ask("Encrypt", KeyId=key_id, Plaintext=TEXT)["CiphertextBlob"]
    foreign = other.refusal("Decrypt", CiphertextBlob=sealed)
    own = other.key()
    again = other.refusal("ReEncrypt", CiphertextBlob=sealed, DestinationKeyId=own)
    desk.ask("ScheduleKeyDeletion", KeyId=key_id)
    with desk.call.database.write() as connection:
        connection.execute(
            update(tables.kms_keys).where(tables.kms_keys.c.key_id == key_id).values(state="Deleted")
        )
    gone = other.refusal("Decrypt", CiphertextBlob=sealed)
    for fault in (foreign, again):
        assert (fault.code, fault.message, fault.detail) == (gone.code, gone.message, gone.detail)


def test_a_grant_of_another_account_is_told_from_none_by_nobody(desk: KmsDesk) -> None:
    other = desk.of_other_account()
    arn = str(desk.ask("CreateKey")["KeyMetadata"]["Arn"])
    grant = desk.ask("CreateGrant", KeyId=arn, GranteePrincipal=ROOT, Operations=["Decrypt"])
    told = other.refusal("RetireGrant", GrantToken=grant["GrantToken"])
    assert told.code == "InvalidGrantTokenException"
    real, none = (
        other.refusal("RetireGrant", KeyId=arn, GrantId=grant_id) for grant_id in (grant["GrantId"], "0" * 64)
    )
    assert (real.code, real.message) == (none.code, none.message)
