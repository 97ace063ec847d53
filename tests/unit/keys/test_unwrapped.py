from __future__ import annotations

from datetime import UTC, datetime, timedelta

from moorage.crypto.streams import DataKey
from moorage.keys.unwrapped import UnwrappedKeys


class SetClock:
    def __init__(self) -> None:
        self.at = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at


def test_a_key_is_unwrapped_once_and_again_when_its_time_is_over() -> None:
    clock = SetClock()
    kept = UnwrappedKeys(clock, timedelta(minutes=5), 10)
    unwrapped: list[DataKey] = []

    def unwrap() -> DataKey:
        unwrapped.append(DataKey.generate())
        return unwrapped[-1]

    place = ("key", "repository", b"wrapped")
    assert kept.get(place, unwrap) is kept.get(place, unwrap)
    clock.at += timedelta(minutes=4, seconds=59)
    assert kept.get(place, unwrap) is unwrapped[0]
    # Use does not prolong it.
    clock.at += timedelta(seconds=1)
    assert kept.get(place, unwrap) is unwrapped[1]


def test_the_table_is_bounded_and_forgets_what_was_unused_longest() -> None:
    kept = UnwrappedKeys(SetClock(), timedelta(minutes=5), 2)
    made: list[bytes] = []

    def ask(name: bytes) -> None:
        def unwrap() -> DataKey:
            made.append(name)
            return DataKey.generate()

        kept.get(("key", "repository", name), unwrap)

    for name in (b"a", b"b", b"a", b"c", b"a", b"b"):
        ask(name)
    assert len(kept) == 2
    assert made == [b"a", b"b", b"c", b"b"]
