"""The evaluator agrees with a second one that was written apart from it."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from random import Random

import pytest

from unit.policy.random_cases import random_cases

SEED = 20261123


def compare(count: int, seed: int) -> Counter[tuple[str, str]]:
    random = Random(seed)
    seen: Counter[tuple[str, str]] = Counter()
    for number, case in enumerate(islice(random_cases(random), count)):
        fast, slow = case.fast(), case.slow()
        assert fast == slow, f"case {number} of seed {seed}: {case}"
        seen[fast] += 1
    return seen


def test_five_thousand_random_cases_are_decided_alike() -> None:
    seen = compare(5_000, SEED)
    reasons = Counter(reason for reason, _ in seen.elements())
    assert min(reasons[each] for each in ("allowed", "explicit deny", "implicit deny")) > 500
    assert len(seen) >= 12  # every layer had its say


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_hundred_thousand_random_cases_are_decided_alike() -> None:
    compare(100_000, SEED + 1)
