"""Refs as files: what git reads there is what the rows say, however a push changed them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.core.names import ZERO_ID, ObjectId
from moorage.git.advertise import Ref, RefSnapshot
from moorage.repos import snapshot
from moorage.repos.cached_refs import write_all_refs, write_changed_refs
from moorage.storage.repositories import RefChange, RefRow
from unit.git.handmade import Repository

HEAD = b"refs/heads/main"
NAMES = [b"refs/heads/" + name for name in (b"a", b"a/b", b"a/b/c", b"ab", b"x/y", b"main")]
NAMES += [b"refs/tags/a", b"refs/tags/v/1", b"refs/notes/n", b"refs/heads/" + b"l" * 256]
Targets = tuple[Ref, Ref]  # to a commit, and to an annotated tag of it; the names do not count


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Repository, Targets]:
    repository = Repository(tmp_path_factory.mktemp("refs") / "live.git")
    repository.path.mkdir()
    repository.git("init", "--bare", "-q", "--initial-branch=main", str(repository.path))
    commit = repository.commit()
    tag = repository.tag(commit, "v1")
    return repository, (Ref(b"", commit, None), Ref(b"", tag, commit))


def a_snapshot(standing: dict[bytes, Ref]) -> RefSnapshot:
    refs = [Ref(name, standing[name].object_id, standing[name].peeled_id) for name in sorted(standing)]
    return RefSnapshot(refs, HEAD)


def beside(name: bytes, others: dict[bytes, Ref]) -> bool:
    """Whether a ref can stand beside others: none is another's folder."""
    return not any(o.startswith(name + b"/") or name.startswith(o + b"/") for o in others)


def read_by_git(repository: Repository) -> list[bytes]:
    listed = repository.git("for-each-ref", "--format=%(objectname) %(refname) %(*objectname)")
    return [line.rstrip() for line in listed.splitlines()]


PUSHES = st.lists(
    st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["commit", "tag", "gone"]), min_size=1),
    max_size=8,
)


@settings(max_examples=40)
@given(PUSHES)
def test_git_reads_what_pushes_left(made: tuple[Repository, Targets], pushes: list[dict[bytes, str]]) -> None:
    repository, (commit, tag) = made
    standing: dict[bytes, Ref] = {HEAD: commit, b"refs/tags/v/1": tag, b"refs/heads/a": tag}
    write_all_refs(repository.path, a_snapshot(standing))
    for push in pushes:
        changes = []
        for name, kind in sorted(push.items(), key=lambda item: item[1] != "gone"):
            old = standing.get(name)
            if kind == "gone" and old is not None:
                del standing[name]
                changes.append(RefChange(name, old.object_id, ZERO_ID))
            elif kind != "gone" and (old is not None or beside(name, standing)):
                target = standing[name] = commit if kind == "commit" else tag
                changes.append(RefChange(name, old.object_id if old else ZERO_ID, target.object_id))
        write_changed_refs(repository.path, changes, a_snapshot(standing))
        expected = [
            b"%s %s %s" % (ref.object_id.encode(), ref.name, (ref.peeled_id or "").encode())
            for ref in a_snapshot(standing).refs
        ]
        assert read_by_git(repository) == [line.rstrip() for line in expected]


def test_a_deleted_ref_leaves_packed_refs_without_the_rest_being_written_anew() -> None:
    names = [b"refs/heads/b-%05d" % number for number in range(1000)]
    standing = {name: Ref(b"", ObjectId("1" * 40), None) for name in names}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "refs").mkdir()
        write_all_refs(folder, a_snapshot(standing))
        before = (folder / "packed-refs").read_bytes()
        # The snapshot given is of no use to it: what it cannot know it does not rewrite.
        write_changed_refs(folder, [RefChange(names[500], ObjectId("1" * 40), ZERO_ID)], a_snapshot({}))
        assert (folder / "packed-refs").read_bytes() == before.replace(
            b"1" * 40 + b" " + names[500] + b"\n", b""
        )


ROWS = st.dictionaries(
    st.integers(0, 300).map(lambda number: b"refs/heads/%03d" % number),
    st.sampled_from([None, ObjectId("2" * 40)]),
    max_size=150,
)


@given(st.sets(st.integers(0, 300)), ROWS)
def test_the_next_snapshot_has_the_changes_in_their_places(
    numbers: set[int], changed: dict[bytes, ObjectId | None]
) -> None:
    before = {b"refs/heads/%03d" % number: ObjectId("1" * 40) for number in numbers}
    refs = [Ref(name, before[name], None) for name in sorted(before)]
    rows = {name: RefRow(name, target, None) if target else None for name, target in changed.items()}
    after = {name: target for name, target in (before | changed).items() if target is not None}
    spliced = snapshot._spliced(refs, rows)
    assert spliced == [Ref(name, after[name], None) for name in sorted(after)]
    assert len(refs) == len(before)
