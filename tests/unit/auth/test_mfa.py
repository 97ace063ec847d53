from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from identities_at_hand import ACCOUNT, NOW, NOW_MS, Installation
from moorage.auth import mfa
from moorage.core.faults import Fault
from moorage.crypto import totp
from moorage.storage import mfa_devices

SERIAL = f"arn:aws:iam::{ACCOUNT}:mfa/phones/mary"
SEED = b"s" * totp.SEED_BYTES
WRONG = "MultiFactorAuthentication failed with invalid MFA one time pass code."
STEP = timedelta(seconds=totp.STEP_SECONDS)


class Phone:
    """Mary's device and a server that checks it."""

    def __init__(self, installation: Installation, owner_id: str) -> None:
        self.installation = installation
        self.owner_id = owner_id
        with installation.database.write() as connection:
            device = mfa_devices.create(
                connection, installation.root_key, ACCOUNT, "mary", path="/phones/", seed=SEED, now_ms=NOW_MS
            )
            mfa_devices.enable(connection, device.device_id, owner_id, step=0, now_ms=NOW_MS)
            self.device_id = device.device_id

    def code(self, moment: datetime = NOW) -> str:
        return totp.code(SEED, totp.step_at(moment))

    def verify(
        self, code: str, now: datetime = NOW, *, serial: str = SERIAL, owner_id: str | None = None
    ) -> None:
        here = self.installation
        mfa.verify(here.database, here.root_key, owner_id or self.owner_id, serial, code, now=now)

    def refusal(
        self, code: str, now: datetime = NOW, *, serial: str = SERIAL, owner_id: str | None = None
    ) -> str:
        with pytest.raises(Fault) as refused:
            self.verify(code, now, serial=serial, owner_id=owner_id)
        assert (refused.value.code, refused.value.status) == ("AccessDenied", 403)
        return refused.value.message

    def wrong_code(self) -> str:
        good = {self.code(NOW + STEP * away) for away in range(-2, 3)}
        return next(code for code in ("000000", "000001", "000002", "000003", "000004") if code not in good)


@pytest.fixture
def phone(tmp_path: Path) -> Iterator[Phone]:
    installation = Installation.at(tmp_path)
    yield Phone(installation, installation.add_user("mary").user_id)
    installation.database.close()


def test_a_code_is_good_once(phone: Phone) -> None:
    phone.verify(phone.code())
    assert phone.refusal(phone.code()) == WRONG
    phone.verify(phone.code(NOW + STEP))


def test_an_earlier_code_is_not_good_after_a_later_one(phone: Phone) -> None:
    phone.verify(phone.code(NOW + STEP))
    assert phone.refusal(phone.code()) == WRONG


def test_a_code_of_two_steps_ago_is_refused(phone: Phone) -> None:
    assert phone.refusal(phone.code(NOW - 2 * STEP)) == WRONG
    phone.verify(phone.code(NOW - STEP))


def test_a_device_of_another_owner_or_none_is_told_from_a_wrong_code(phone: Phone) -> None:
    other = phone.installation.add_user("bob").user_id
    assert "unable to validate MFA code" in phone.refusal(phone.code(), owner_id=other)
    for serial in (
        f"arn:aws:iam::{ACCOUNT}:mfa/mary",
        f"arn:aws:iam::{ACCOUNT}:mfa/phones/bob",
        "GAHT12345678",
    ):
        assert "unable to validate MFA code" in phone.refusal(phone.code(), serial=serial)
    phone.verify(phone.code())


def test_a_device_that_was_deactivated_is_good_for_nobody(phone: Phone) -> None:
    with phone.installation.database.write() as connection:
        mfa_devices.deactivate(connection, phone.device_id)
    assert "unable to validate MFA code" in phone.refusal(phone.code())


def test_after_five_wrong_codes_the_device_rests_even_for_a_right_one(phone: Phone) -> None:
    for _ in range(mfa.FREE_FAILURES):
        assert phone.refusal(phone.wrong_code()) == WRONG
    assert "Wait 1 s" in phone.refusal(phone.code())
    later = NOW + timedelta(seconds=1)
    phone.verify(phone.code(later), later)
    assert phone.refusal(phone.wrong_code(), later) == WRONG  # a right one starts the count again


def test_a_refusal_while_resting_makes_the_rest_no_longer(phone: Phone) -> None:
    for _ in range(mfa.FREE_FAILURES):
        phone.refusal(phone.wrong_code())
    for _ in range(20):
        assert "Wait 1 s" in phone.refusal(phone.wrong_code())


def test_rests_double_up_to_a_quarter_of_an_hour() -> None:
    assert [mfa.rest_seconds(number) for number in (0, 4, 5, 6, 7, 14, 15, 10**9)] == [
        0, 0, 1, 2, 4, 512, 900, 900,
    ]  # fmt: skip


def test_a_clock_that_is_known_to_be_ahead_is_followed(phone: Phone) -> None:
    with phone.installation.database.write() as connection:
        mfa_devices.synchronize(connection, phone.device_id, step=1, drift_steps=7)
    assert phone.refusal(phone.code()) == WRONG
    phone.verify(phone.code(NOW + 7 * STEP))


def test_a_seed_is_sealed_for_its_own_row(phone: Phone) -> None:
    with phone.installation.database.read() as connection:
        row = mfa_devices.by_serial(connection, SERIAL)
    assert row is not None
    assert SEED not in row.seed_sealed
    assert "seed" not in repr(row)
    assert row.seed(phone.installation.root_key) == SEED


def test_of_many_who_bring_the_same_code_at_once_one_gets_in(phone: Phone) -> None:
    gate = threading.Barrier(4)

    def try_it() -> bool:
        gate.wait()
        try:
            phone.verify(phone.code())
        except Fault:
            return False
        return True

    with ThreadPoolExecutor(4) as threads:
        outcomes = [future.result() for future in [threads.submit(try_it) for _ in range(4)]]
    assert sorted(outcomes) == [False, False, False, True]
