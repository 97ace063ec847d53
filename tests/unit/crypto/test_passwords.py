from __future__ import annotations

import time

from moorage.crypto import passwords


def test_a_hash_is_argon2id_salted_and_takes_its_memory() -> None:
    first, second = passwords.hashed("correct horse"), passwords.hashed("correct horse")
    assert first != second
    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert "correct" not in first
    assert passwords.verify(first, "correct horse")
    assert not passwords.verify(first, "correct horsf")


def test_a_broken_hash_is_like_a_wrong_password() -> None:
    assert not passwords.verify("", "x")
    assert not passwords.verify("$argon2id$v=19$m=19456,t=2,p=1$x", "x")


def test_where_there_is_nobody_no_password_is_right_and_it_takes_as_long() -> None:
    kept = passwords.hashed("x")

    def cpu(hash_: str | None) -> float:
        began = time.thread_time()
        assert not passwords.verify(hash_, "wrong")
        return time.thread_time() - began

    assert min(cpu(None) for _ in range(3)) > 0.3 * min(cpu(kept) for _ in range(3))
