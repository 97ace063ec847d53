"""What a push costs beside its pack as refs grow: the parts that could depend on their number, in process.

    python3 dev.py bench push_by_refs

Prints one JSON line for each part: milliseconds at 100, 20,000 and 100,000 refs, and the ratio of the
last to the first. Exits with 1 when a part takes more than its budget at 100,000 refs. Rows are not
measured here: SQL finds refs by name and what changed by generation, both indexed. "moving a ref" is a
mean over as many pushes as it takes for the loose files to be packed once.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from moorage.core.names import ZERO_ID, ObjectId
from moorage.git.advertise import Ref, RefSnapshot
from moorage.repos import cached_refs, snapshot
from moorage.storage.repositories import RefChange, RefRow

COUNTS = (100, 20_000, 100_000)
ROUNDS = 5
MOVES = 65  # one more than are kept loose
NEW = ObjectId("f" * 40)
# Milliseconds at 100,000 refs, on a machine that has other work as well.
BUDGETS = {"next snapshot": 10.0, "moving a ref": 15.0, "deleting a ref": 60.0}


def a_snapshot(count: int) -> RefSnapshot:
    refs = [Ref(b"refs/heads/team/branch-%06d" % n, ObjectId(f"{n:040x}"), None) for n in range(count)]
    return RefSnapshot(refs, b"refs/heads/team/branch-000000")


def milliseconds(work: Callable[[], object], each: int = 1) -> float:
    taken: list[float] = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        work()
        taken.append((time.perf_counter() - started) * 1000 / each)
    return statistics.median(taken)


def next_snapshot(refs: RefSnapshot, _folder: Path) -> float:
    name = refs.refs[len(refs.refs) // 2].name
    row = RefRow(name, NEW, None)
    return milliseconds(lambda: snapshot._spliced(refs.refs, {name: row}))  # noqa: SLF001 -- what is measured


def moving(refs: RefSnapshot, folder: Path) -> float:
    def moves() -> None:
        for number in range(MOVES):
            name = refs.refs[number].name
            cached_refs.write_changed_refs(folder, [RefChange(name, ZERO_ID, NEW)], refs)

    return milliseconds(moves, MOVES)


def deleting(refs: RefSnapshot, folder: Path) -> float:
    numbers = iter(range(1, ROUNDS + 1))

    def delete() -> None:
        gone = refs.refs[next(numbers) * len(refs.refs) // (ROUNDS + 2)]
        cached_refs.write_changed_refs(folder, [RefChange(gone.name, gone.object_id, ZERO_ID)], refs)

    return milliseconds(delete)


PARTS: Sequence[tuple[str, Callable[[RefSnapshot, Path], float]]] = (
    ("next snapshot", next_snapshot),
    ("moving a ref", moving),
    ("deleting a ref", deleting),
)


def main() -> int:
    found: dict[str, list[float]] = {name: [] for name, _ in PARTS}
    for count in COUNTS:
        refs = a_snapshot(count)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "refs").mkdir()
            cached_refs.write_all_refs(folder, refs)
            for part, measure in PARTS:
                found[part].append(measure(refs, folder))
    for part, times in found.items():
        columns = {f"at_{count}_ms": round(ms, 3) for count, ms in zip(COUNTS, times, strict=True)}
        line = {"case": part, **columns, "ratio": round(times[-1] / times[0], 1)}
        print(json.dumps(line | {"budget_ms": BUDGETS[part]}))
    return 0 if all(times[-1] <= BUDGETS[part] for part, times in found.items()) else 1


if __name__ == "__main__":
    sys.exit(main())
