from __future__ import annotations

import base64
import hmac
import json
from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any

import pytest
from joserfc import jwk

from identities_at_hand import ACCOUNT, NOW, Desk, Installation, root_principal
from moorage.auth.web_identity_keys import IssuerKeys
from moorage.core.principal import anonymous
from moorage.services.iam import iam
from moorage.services.sts import sts
from oidc_at_hand import CLIENT, ISSUER, Issuer, ec_key, rsa_key

PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/issuer.example.org/main"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/web"
TAGS = "https://aws.amazon.com/tags"
SUB = "issuer.example.org/main:sub"


def trust(*actions: str, **condition: object) -> str:
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"Federated": PROVIDER},
        "Action": list(actions or ("sts:AssumeRoleWithWebIdentity",)),
    }
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def root(installation: Installation) -> Desk:
    root = Desk(installation, iam, root_principal())
    root.ask("CreateOpenIDConnectProvider", Url=ISSUER, ClientIDList=[CLIENT, "other"])
    root.ask("CreateRole", RoleName="web", AssumeRolePolicyDocument=trust())
    return root


@pytest.fixture
def nobody(installation: Installation, root: Desk, issuer: Issuer) -> Desk:
    del root
    desk = Desk(installation, sts, anonymous("aws"))
    desk.call = replace(desk.call, issuer_keys=IssuerKeys(issuer.fetch))
    return desk


def asked(token: str, **more: object) -> dict[str, object]:
    return {"RoleArn": ROLE, "RoleSessionName": "mary", "WebIdentityToken": token, **more}


def assume(nobody: Desk, token: str, **more: object) -> dict[str, Any]:
    return nobody.ask("AssumeRoleWithWebIdentity", **asked(token, **more))


def refused(nobody: Desk, token: str, **more: object) -> tuple[str, str]:
    fault = nobody.refusal("AssumeRoleWithWebIdentity", **asked(token, **more))
    return fault.code, fault.message


def test_a_true_token_opens_the_role(nobody: Desk, issuer: Issuer) -> None:
    answer = assume(nobody, issuer.token(NOW))
    assert answer["SubjectFromWebIdentityToken"] == "mary-4711"
    assert (answer["Audience"], answer["Provider"]) == (CLIENT, PROVIDER)
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/web/mary"
    assert answer["Credentials"]["Expiration"] == NOW + timedelta(hours=1)
    assert answer["Credentials"]["AccessKeyId"].startswith("ASIA")


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512"])
def test_each_rsa_algorithm_of_aws_is_taken(nobody: Desk, issuer: Issuer, algorithm: str) -> None:
    assert assume(nobody, issuer.token(NOW, algorithm=algorithm))


def test_an_elliptic_key_is_taken(nobody: Desk, issuer: Issuer) -> None:
    issuer.keys = [ec_key("e")]
    assert assume(nobody, issuer.token(NOW, algorithm="ES256"))


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def test_a_token_without_a_true_signature_is_refused(nobody: Desk, issuer: Issuer) -> None:
    token = issuer.token(NOW)
    header, claims, signature = token.split(".")
    public = issuer.keys[0].as_pem(private=False)
    hashed = f"{part({'alg': 'HS256', 'kid': 'one'})}.{claims}"
    by_public_key = hmac.digest(public, hashed.encode(), "sha256")
    assumed = [
        f"{header}.{claims}.",
        f"{part({'alg': 'none', 'kid': 'one'})}.{claims}.",
        f"{hashed}.{signature}",
        f"{hashed}.{base64.urlsafe_b64encode(by_public_key).decode().rstrip('=')}",
        f"{part({'alg': 'PS256', 'kid': 'one'})}.{claims}.{signature}",
        f"{header}.{part({'iss': ISSUER, 'aud': CLIENT, 'sub': 'eve', 'exp': 9e9, 'iat': 1})}.{signature}",
        issuer.token(NOW, key=rsa_key("forged")),
        f"{part({'alg': 'RS256', 'kid': 'one', 'crit': ['b64'], 'b64': False})}.{claims}.{signature}",
        f"{part({'alg': 'ES256', 'kid': 'one'})}.{claims}.{signature}",
        f"{part({'alg': 'RS256', 'kid': ['one']})}.{claims}.{signature}",
        issuer.token(NOW, key=replace_kid(rsa_key("forged"))),
        "x.y.z",
        "....",
        "\u00e9\u00e9\u00e9\u00e9",
        f"{part([])}.{part([])}.{signature}",
    ]
    for each in assumed:
        assert refused(nobody, each)[0] == "InvalidIdentityToken", each


@pytest.mark.parametrize("algorithm", [[], {}, ["RS256"], 1, None, True])
def test_an_algorithm_that_is_no_text_is_refused(nobody: Desk, issuer: Issuer, algorithm: object) -> None:
    _, claims, signature = issuer.token(NOW).split(".")
    token = f"{part({'alg': algorithm, 'kid': 'one'})}.{claims}.{signature}"
    assert refused(nobody, token)[0] == "InvalidIdentityToken"


# JSON may spell them; no database and no XML can keep them.
@pytest.mark.parametrize("character", ["\ud800", "\0"])
@pytest.mark.parametrize("claim", ["iss", "sub", "aud", "amr"])
def test_a_text_that_nothing_can_hold_is_refused(
    nobody: Desk, issuer: Issuer, claim: str, character: str
) -> None:
    seconds = int(NOW.timestamp())
    claims = {"iss": ISSUER, "aud": CLIENT, "sub": "mary", "iat": seconds, "exp": seconds + 300}
    for value in (f"{claims.get(claim, '')}{character}", f"https://{character}", [character]):
        token = issuer.token_of(json.dumps({**claims, claim: value}))
        assert refused(nobody, token)[0] == "InvalidIdentityToken", value


def replace_kid(key: jwk.RSAKey) -> jwk.RSAKey:
    """Another key under the id of the issuer's own."""
    return jwk.RSAKey.import_key({**key.as_dict(private=True), "kid": "one"})


@pytest.mark.parametrize(
    ("claims", "code", "words"),
    [
        ({"exp": int(NOW.timestamp())}, "ExpiredTokenException", "Token expired"),
        ({"exp": None}, "InvalidIdentityToken", "Missing a required claim: exp"),
        ({"iat": None}, "InvalidIdentityToken", "Missing a required claim: iat"),
        ({"sub": None}, "InvalidIdentityToken", "Missing a required claim: sub"),
        ({"aud": None}, "InvalidIdentityToken", "Missing a required claim: aud"),
        ({"aud": "strangers"}, "InvalidIdentityToken", "Incorrect token audience"),
        ({"aud": [CLIENT, "strangers"]}, "InvalidIdentityToken", "Incorrect token audience"),
        (
            {"aud": [CLIENT, "strangers"], "azp": "strangers"},
            "InvalidIdentityToken",
            "Incorrect token audience",
        ),
        ({"iat": int(NOW.timestamp()) + 61}, "InvalidIdentityToken", "not valid yet"),
        ({"nbf": int(NOW.timestamp()) + 61}, "InvalidIdentityToken", "not valid yet"),
        ({"exp": "soon"}, "InvalidIdentityToken", "no time"),
        ({"exp": True}, "InvalidIdentityToken", "no time"),
        ({"exp": 1e300}, "InvalidIdentityToken", "no time"),
        ({"sub": 7}, "InvalidIdentityToken", "sub"),
        ({"sub": "s" * 256}, "InvalidIdentityToken", "255"),
        ({"amr": [1]}, "InvalidIdentityToken", "amr"),
        ({TAGS: 1}, "InvalidIdentityToken", "no object"),
        ({TAGS: {"principal_tags": {"a": ["1", "2"]}}}, "InvalidIdentityToken", "one value"),
        ({"https://aws.amazon.com/source_identity": "no way"}, "InvalidIdentityToken", "source identity"),
        ({"iss": "https://issuer.example.org/other"}, "InvalidIdentityToken", "No OpenIDConnect provider"),
        ({"iss": "http://issuer.example.org/main"}, "InvalidIdentityToken", "https"),
        ({"iss": None}, "InvalidIdentityToken", "iss"),
    ],
)
def test_claims_that_are_not_right_are_refused(
    nobody: Desk, issuer: Issuer, claims: dict[str, Any], code: str, words: str
) -> None:
    found, message = refused(nobody, issuer.token(NOW, **claims))
    assert found == code
    assert words in message


def test_of_several_audiences_the_authorized_party_counts(nobody: Desk, issuer: Issuer) -> None:
    token = issuer.token(NOW, aud=["strangers", "other"], azp="other")
    assert assume(nobody, token)["Audience"] == "other"


def test_the_trust_policy_sees_subject_and_audience(root: Desk, nobody: Desk, issuer: Issuer) -> None:
    def trusting(**condition: object) -> None:
        root.ask("UpdateAssumeRolePolicy", RoleName="web", PolicyDocument=trust(**condition))

    url = "issuer.example.org/main"
    trusting(StringEquals={SUB: "mary-4711", f"{url}:aud": CLIENT})
    assert assume(nobody, issuer.token(NOW))
    denied = ("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
    assert refused(nobody, issuer.token(NOW, sub="eve")) == denied
    assert refused(nobody, issuer.token(NOW, aud="other")) == denied
    trusting(**{"ForAnyValue:StringEquals": {f"{url}:amr": "mfa"}})
    assert assume(nobody, issuer.token(NOW, amr=["pwd", "mfa"]))
    assert refused(nobody, issuer.token(NOW, amr=["pwd"])) == denied
    assert refused(nobody, issuer.token(NOW)) == denied
    missing = ROLE.replace("web", "none")
    assert refused(nobody, issuer.token(NOW), RoleArn=missing) == denied


def test_another_accounts_role_knows_no_provider_of_this_one(
    installation: Installation, nobody: Desk, issuer: Issuer
) -> None:
    installation.add_account("999988887777")
    elsewhere = ROLE.replace(ACCOUNT, "999988887777")
    code, message = refused(nobody, issuer.token(NOW), RoleArn=elsewhere)
    assert (code, message.split(" for ")[0]) == (
        "InvalidIdentityToken", "No OpenIDConnect provider found in your account",
    )  # fmt: skip


def test_tags_and_source_identity_need_permissions_of_their_own(
    root: Desk, nobody: Desk, issuer: Issuer
) -> None:
    nested: dict[str, Any] = {TAGS: {"principal_tags": {"team": ["red"]}, "transitive_tag_keys": ["team"]}}
    flat: dict[str, Any] = {f"{TAGS}/principal_tags/team": "red", f"{TAGS}/transitive_tag_keys": ["team"]}
    source = {"https://aws.amazon.com/source_identity": "mary"}
    for claims in (nested, flat):
        assert refused(nobody, issuer.token(NOW, **claims))[1].endswith("sts:TagSession")
    assert refused(nobody, issuer.token(NOW, **source))[1].endswith("sts:SetSourceIdentity")
    every = trust("sts:AssumeRoleWithWebIdentity", "sts:TagSession", "sts:SetSourceIdentity")
    root.ask("UpdateAssumeRolePolicy", RoleName="web", PolicyDocument=every)
    for claims in (nested, flat):
        answer = assume(nobody, issuer.token(NOW, **claims, **source))
        assert answer["SourceIdentity"] == "mary"
        assert answer["PackedPolicySize"] >= 1
    only_red = trust(
        "sts:AssumeRoleWithWebIdentity", "sts:TagSession", StringEquals={"aws:RequestTag/team": "red"}
    )
    root.ask("UpdateAssumeRolePolicy", RoleName="web", PolicyDocument=only_red)
    assert assume(nobody, issuer.token(NOW, **nested))
    blue = {f"{TAGS}/principal_tags/team": "blue"}
    assert refused(nobody, issuer.token(NOW, **blue))[0] == "AccessDenied"
    reserved = {f"{TAGS}/principal_tags/aws:x": "blue"}
    assert refused(nobody, issuer.token(NOW, **reserved))[0] == "ValidationError"


def test_the_roles_longest_session_binds(nobody: Desk, issuer: Issuer) -> None:
    assert refused(nobody, issuer.token(NOW), DurationSeconds=3601)[0] == "ValidationError"
    answer = assume(nobody, issuer.token(NOW), DurationSeconds=900)
    assert answer["Credentials"]["Expiration"].astimezone(UTC) == NOW + timedelta(seconds=900)


def test_keys_are_fetched_once_and_again_when_unknown(nobody: Desk, issuer: Issuer) -> None:
    for _ in range(3):
        assume(nobody, issuer.token(NOW))
    assert len(issuer.asked) == 2
    issuer.keys = [rsa_key("two")]
    # Too soon: whoever sends junk makes nobody fetch.
    for _ in range(3):
        assert refused(nobody, issuer.token(NOW))[0] == "InvalidIdentityToken"
    assert len(issuer.asked) == 2
    later = NOW + timedelta(seconds=60)
    nobody.call = replace(nobody.call, caller=replace(nobody.call.caller, now=later))
    assert assume(nobody, issuer.token(later))
    assert len(issuer.asked) == 4
    assert refused(nobody, issuer.token(later, key=rsa_key("one")))[0] == "InvalidIdentityToken"


@pytest.mark.parametrize(("max_age", "minutes"), [(None, 10), (0, 1), (120, 2), (10**9, 60)])
def test_keys_are_kept_as_long_as_the_issuer_says_within_bounds(
    nobody: Desk, issuer: Issuer, max_age: int | None, minutes: int
) -> None:
    issuer.max_age = max_age
    assume(nobody, issuer.token(NOW))
    issuer.down = True
    for left, fine in ((timedelta(seconds=1), True), (timedelta(0), False)):
        now = NOW + timedelta(minutes=minutes) - left
        nobody.call = replace(nobody.call, caller=replace(nobody.call.caller, now=now))
        if fine:
            assert assume(nobody, issuer.token(now))
        else:
            assert refused(nobody, issuer.token(now))[0] == "IDPCommunicationError"


def test_a_failing_issuer_is_left_alone_for_a_while(nobody: Desk, issuer: Issuer) -> None:
    issuer.down = True
    for _ in range(5):
        assert refused(nobody, issuer.token(NOW))[0] == "IDPCommunicationError"
    assert len(issuer.asked) == 1


def test_a_discovery_document_of_another_issuer_is_not_believed(nobody: Desk, issuer: Issuer) -> None:
    own = issuer.documents()
    own[f"{ISSUER}/.well-known/openid-configuration"]["issuer"] = "https://evil.example"
    issuer.documents = lambda: own  # type: ignore[method-assign]  # a liar, for this test
    assert refused(nobody, issuer.token(NOW))[0] == "IDPCommunicationError"


def test_a_token_without_key_id_needs_an_issuer_with_one_key(nobody: Desk, issuer: Issuer) -> None:
    bare = jwk.RSAKey.import_key(
        {name: value for name, value in rsa_key("one").as_dict(private=True).items() if name != "kid"}
    )
    assert assume(nobody, issuer.token(NOW, key=bare))
    issuer.keys.append(rsa_key("two"))
    later = NOW + timedelta(hours=1)
    nobody.call = replace(nobody.call, caller=replace(nobody.call.caller, now=later))
    assert refused(nobody, issuer.token(later, key=bare))[0] == "InvalidIdentityToken"
