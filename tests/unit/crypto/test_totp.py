from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.crypto import totp

# RFC 6238, appendix B: the last six of the eight digits given there for SHA-1.
VECTORS = {
    59: "287082",
    1111111109: "081804",
    1111111111: "050471",
    1234567890: "005924",
    2000000000: "279037",
    20000000000: "353130",
}
RFC_SEED = b"12345678901234567890"
SEEDS = st.binary(min_size=10, max_size=40)
STEPS = st.integers(1000, 1 << 40)


@pytest.mark.parametrize(("seconds", "code"), VECTORS.items())
def test_codes_are_those_of_the_rfc(seconds: int, code: str) -> None:
    assert totp.code(RFC_SEED, totp.step_at(datetime.fromtimestamp(seconds, UTC))) == code


def test_a_seed_is_sixty_four_characters_of_base32() -> None:
    assert len(totp.base32(totp.new_seed())) == 64
    assert totp.new_seed() != totp.new_seed()


@given(SEEDS, STEPS, st.integers(-4, 4))
def test_a_code_is_good_one_step_early_and_one_step_late(seed: bytes, step: int, off: int) -> None:
    codes = {totp.code(seed, step + away) for away in (-1, 0, 1)}
    found = totp.matching_step(seed, totp.code(seed, step + off), around=step, after=0)
    assert (found is not None) == (totp.code(seed, step + off) in codes)
    if abs(off) <= 1:
        assert found is not None
        assert totp.code(seed, found) == totp.code(seed, step + off)


@given(SEEDS, STEPS)
def test_no_step_is_good_twice_nor_one_before_it(seed: bytes, step: int) -> None:
    code = totp.code(seed, step)
    others = {totp.code(seed, step + 1)}
    assert totp.matching_step(seed, code, around=step, after=step - 1) == step
    assert (totp.matching_step(seed, code, around=step, after=step) is None) == (code not in others)


@given(SEEDS, STEPS)
def test_two_codes_must_follow_each_other(seed: bytes, step: int) -> None:
    first, second = totp.code(seed, step - 1), totp.code(seed, step)
    assert totp.matching_pair(seed, first, second, around=step, after=0) == step
    if len({totp.code(seed, step + away) for away in range(-3, 3)}) == 6:
        assert totp.matching_pair(seed, second, first, around=step, after=0) is None
        assert totp.matching_pair(seed, second, second, around=step, after=0) is None
        assert totp.matching_pair(seed, first, second, around=step, after=step) is None
        assert totp.matching_pair(seed, first, second, around=step + 2, after=0) is None
        assert totp.matching_pair(seed, first, second, around=step + 2, after=0, window=2) == step


def test_digits_of_other_scripts_are_just_wrong() -> None:
    assert totp.matching_step(RFC_SEED, "٢٨٧٠٨٢", around=1, after=0) is None
