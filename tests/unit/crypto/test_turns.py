from __future__ import annotations

import threading

import pytest

from moorage.core.faults import Fault
from moorage.core.turns import Turns
from moorage.crypto import key_specs, passwords


@pytest.mark.timeout(30)
def test_a_few_work_a_few_wait_and_the_others_are_sent_away() -> None:
    turns = Turns("apples are being peeled", at_once=2, waiting=1, seconds=20.0)
    started = threading.Semaphore(0)
    done, waited = threading.Event(), threading.Event()

    def hold() -> None:
        with turns.taken():
            started.release()
            done.wait()

    def wait() -> None:
        with turns.taken():
            waited.set()

    holders = [threading.Thread(target=hold) for _ in range(2)]
    for holder in holders:
        holder.start()
        assert started.acquire(timeout=5)
    waiting = threading.Thread(target=wait)
    waiting.start()
    while turns._places.acquire(blocking=False):  # the waiting one has not taken its place yet
        turns._places.release()
    with pytest.raises(Fault, match="Too many apples") as refused, turns.taken():
        pass
    assert refused.value.status == 503
    assert not waited.is_set()
    done.set()
    for thread in (*holders, waiting):
        thread.join()
    assert waited.is_set()
    with turns.taken(), turns.taken():  # all places are free again
        pass


@pytest.mark.timeout(30)
def test_who_waits_too_long_is_sent_away_and_its_place_is_free_again() -> None:
    turns = Turns("apples are being peeled", at_once=1, waiting=1, seconds=0.01)
    with turns.taken():
        for _ in range(3):
            with pytest.raises(Fault, match="Too many apples"), turns.taken():
                pass
    with turns.taken():
        pass


def test_passwords_and_rsa_keys_leave_threads_for_everybody_else() -> None:
    for turns in (passwords._turns, key_specs._rsa_turns):
        places = [turns._places.acquire(blocking=False) for _ in range(5)]
        assert places == [True] * 4 + [False]
        for _ in range(4):
            turns._places.release()


def test_no_rsa_key_is_made_while_too_many_are() -> None:
    places = [key_specs._rsa_turns._places.acquire(blocking=False) for _ in range(4)]
    assert all(places)
    try:
        with pytest.raises(Fault) as refused:
            key_specs.new_material("RSA_2048")
        assert refused.value.status == 503
        assert key_specs.new_material("ECC_NIST_P256")
    finally:
        for _ in places:
            key_specs._rsa_turns._places.release()
