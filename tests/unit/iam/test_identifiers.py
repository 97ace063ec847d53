from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from moorage.storage import identifiers

ACCOUNTS = st.integers(min_value=0, max_value=10**12 - 1).map(lambda number: str(number).zfill(12))


@given(account=ACCOUNTS, random=st.binary(min_size=5, max_size=5))
def test_an_access_key_id_tells_its_account_whatever_the_random_part(account: str, random: bytes) -> None:
    key = identifiers.access_key_id(account, lambda _: random)
    assert re.fullmatch(r"AKIA[A-Z2-7]{16}", key)
    assert identifiers.account_of(key) == account


def test_the_account_in_a_key_id_sits_where_aws_puts_it() -> None:
    # A key id published in AWS's security blogs and tools with its account, read the same way here.
    assert identifiers.account_of("ASIAQNZGKIQY56JQ7WML") == "029608264753"


@given(st.text(max_size=24))
def test_text_that_is_no_key_id_names_no_account_or_a_wellformed_one(text: str) -> None:
    account = identifiers.account_of(text)
    assert account is None or re.fullmatch(r"[0-9]{12}", account)


def test_a_secret_has_forty_characters_of_base64() -> None:
    assert re.fullmatch(r"[A-Za-z0-9+/]{40}", identifiers.secret_access_key())
    assert identifiers.secret_access_key() != identifiers.secret_access_key()


@given(st.binary(min_size=16, max_size=16))
def test_an_account_number_has_twelve_digits_and_no_leading_zero(random: bytes) -> None:
    assert re.fullmatch(r"[1-9][0-9]{11}", identifiers.account_number(lambda _: random))


def test_unique_ids_carry_the_prefix_of_their_kind() -> None:
    assert re.fullmatch(r"AIDA[A-Z2-7]{17}", identifiers.unique_id(identifiers.USER))
