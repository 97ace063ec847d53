from __future__ import annotations

import base64
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identities_at_hand import ACCOUNT, NOW
from moorage.auth import session_tokens
from moorage.auth.session_tokens import Credentials, SessionContents, opened, require_current
from moorage.core.faults import Fault
from moorage.core.secrets import Secret
from moorage.crypto.root_key import RootKey
from moorage.storage.identifiers import account_of

ROOT_KEY = RootKey(b"k" * 32)
HOUR = timedelta(hours=1)
CONTENTS = SessionContents(
    "role-session", ACCOUNT, "AROAABCDEFGHIJKLMNOPQ", NOW, NOW + HOUR, "botocore-session-1795521600"
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
TUPLES = st.lists(TEXTS, max_size=4).map(tuple)


def issue(contents: SessionContents = CONTENTS, minimum_characters: int = 0) -> Credentials:
    counter = iter(range(1, 100))
    return session_tokens.issue(
        ROOT_KEY,
        contents,
        lambda length: bytes([next(counter)]) * length,
        minimum_characters=minimum_characters,
    )


@given(
    contents=st.builds(
        SessionContents,
        kind=st.sampled_from(["root", "user", "role-session", "federated-user"]),
        account_id=st.just(ACCOUNT),
        issuer_id=st.sampled_from(["AIDAABCDEFGHIJKLMNOPQ", "AROAABCDEFGHIJKLMNOPQ", ACCOUNT]),
        issued_at=st.just(NOW),
        expires_at=st.integers(1, 129_600).map(lambda seconds: NOW + timedelta(seconds=seconds)),
        name=st.none() | st.text(min_size=1, max_size=64),
        policies=TUPLES,
        policy_arns=TUPLES,
        mfa_authenticated_at=st.none() | st.integers(0, 9_999).map(lambda age: NOW - timedelta(seconds=age)),
        tags=st.dictionaries(TEXTS, TEXTS, max_size=4),
        transitive_keys=TUPLES,
        source_identity=st.none() | st.text("abc", min_size=2),
        provider=st.none() | st.text("abc", min_size=2),
        facts=st.dictionaries(TEXTS, TUPLES, max_size=4),
    ),
    minimum_characters=st.integers(0, 4_096),
)
def test_a_token_gives_back_what_was_put_in(contents: SessionContents, minimum_characters: int) -> None:
    made = issue(contents, minimum_characters)
    found, secret = opened(ROOT_KEY, made.session_token, made.access_key_id)
    assert found == contents
    assert secret.reveal() == made.secret.reveal()
    assert len(made.session_token.reveal()) >= minimum_characters
    assert made.expires_at == contents.expires_at


def test_a_token_is_short_and_of_letters_no_tool_has_to_quote() -> None:
    made = issue()
    assert len(made.session_token.reveal()) < 130
    assert re.fullmatch(r"[A-Za-z0-9+/]+", made.session_token.reveal())
    assert re.fullmatch(r"ASIA[A-Z2-7]{16}", made.access_key_id)
    assert account_of(made.access_key_id) == ACCOUNT
    assert re.fullmatch(r"[A-Za-z0-9+/]{40}", made.secret.reveal())
    policy = (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["codecommit:GitPull"],'
        f'"Resource":"arn:aws:codecommit:us-east-1:{ACCOUNT}:demo"}}]}}'
    )
    tags = {"displayName": "Mary Major", "emailAddress": "mary@example.org", "team": "blue"}
    rich = replace(CONTENTS, policies=(policy,), tags=tags, source_identity="mary")
    # What Windows' credential store holds beside the rest of an entry (reference/client.md).
    assert len(issue(rich).session_token.reveal()) < 380


def test_a_token_is_padded_to_the_length_asked_for() -> None:
    lengths = [
        len(issue(minimum_characters=wanted).session_token.reveal()) for wanted in (1_000, 2_000, 4_096)
    ]
    assert lengths == [1_000, 2_000, 4_096]


def refusal(token: str, key_id: str, root_key: RootKey = ROOT_KEY) -> Fault:
    with pytest.raises(Fault) as refused:
        opened(root_key, Secret(token), key_id)
    return refused.value


def test_no_byte_of_a_token_can_be_changed() -> None:
    made = issue()
    sealed = base64.b64decode(made.session_token.reveal())
    for place in range(len(sealed)):
        changed = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        fault = refusal(base64.b64encode(changed).decode(), made.access_key_id)
        assert fault.code == "InvalidClientTokenId"


def test_a_token_belongs_to_its_key_id_and_root_key_alone() -> None:
    made = issue()
    token = made.session_token.reveal()
    other = issue(replace(CONTENTS, account_id="999988887777"))
    for key_id in (other.access_key_id, "AKIA" + made.access_key_id[4:], "ASIA", "x"):
        assert refusal(token, key_id).code == "InvalidClientTokenId"
    assert refusal(token, made.access_key_id, RootKey(b"o" * 32)).code == "InvalidClientTokenId"


@pytest.mark.parametrize("token", ["", "AAAA", "not base64!", "ü", "\udcff", "A" * 20_000, "AQ" * 40])
def test_what_is_no_token_is_refused_like_one_of_somebody_else(token: str) -> None:
    assert refusal(token, issue().access_key_id).code == "InvalidClientTokenId"


@pytest.mark.parametrize("more", ["=", "====", "=" * 40, "\n", "AAAA"])
def test_a_token_has_one_spelling(more: str) -> None:
    made = issue()
    assert refusal(made.session_token.reveal() + more, made.access_key_id).code == "InvalidClientTokenId"


def test_a_token_outlives_a_rotation_of_the_root_key() -> None:
    made = issue()
    found, secret = opened(ROOT_KEY.rotated(), made.session_token, made.access_key_id)
    assert (found, secret.reveal()) == (CONTENTS, made.secret.reveal())


def test_a_session_ends_exactly_at_its_second() -> None:
    require_current(CONTENTS, CONTENTS.expires_at - timedelta(microseconds=1))
    with pytest.raises(Fault) as refused:
        require_current(CONTENTS, CONTENTS.expires_at)
    assert refused.value.code == "ExpiredToken"
    assert refused.value.message == "The security token included in the request is expired"
