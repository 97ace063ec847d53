from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from sqlalchemy import update

from codecommit_at_hand import git
from moorage.core.faults import Fault
from moorage.core.names import ZERO_ID, ObjectId, RefName
from moorage.git.quarantine import ReceiveLimits
from moorage.git.receive_pack import PushRequest, RefUpdate
from moorage.repos import push_rules
from moorage.repos.commit import TOO_SLOW
from moorage.repos.publish import Publisher
from moorage.repos.push import Push
from moorage.repos.sweep import Sweeper
from moorage.storage import tables
from repository_at_hand import Node

pytestmark = pytest.mark.slow

MAIN = "refs/heads/main"


def clone(node: Node, folder: Path) -> Path:
    """Clone what the cache serves, and let git check every object of it."""
    with node.open("Demo").reading() as path:
        git(folder.parent, "clone", "--quiet", "--mirror", f"file://{path}", str(folder))
    git(folder, "fsck", "--strict")
    return folder


def test_what_was_pushed_is_cloned_by_a_node_that_has_only_rows_and_blobs(
    node: Node, local: Path, tmp_path: Path
) -> None:
    assert node.push("Demo", local, {MAIN: "main"}).refused == {}
    other = node.beside(tmp_path / "other-cache")
    assert git(clone(other, tmp_path / "clone"), "rev-parse", MAIN) == git(local, "rev-parse", "main")


def test_the_first_push_of_several_branches_makes_main_the_default(node: Node, local: Path) -> None:
    node.push("Demo", local, {"refs/heads/a": "main", MAIN: "main", "refs/heads/master": "main"})
    assert node.open("Demo").row.default_branch == MAIN


@pytest.mark.parametrize(
    ("pushed", "default"),
    [
        (("refs/heads/z", "refs/heads/master", "refs/heads/a"), "refs/heads/master"),
        (("refs/heads/z", "refs/heads/a"), "refs/heads/z"),
        (("refs/tags/v1", "refs/heads/z", "refs/heads/a"), "refs/heads/z"),
        (("refs/heads/x/main", "refs/notes/main"), "refs/heads/x/main"),
    ],
)
def test_without_main_the_default_is_master_and_without_both_the_first_that_was_named(
    node: Node, local: Path, pushed: tuple[str, ...], default: str
) -> None:
    assert node.push("Demo", local, dict.fromkeys(pushed, "main")).refused == {}
    assert node.open("Demo").row.default_branch == default


def test_a_branch_that_was_refused_does_not_become_the_default(node: Node, local: Path) -> None:
    outcome = node.push("Demo", local, {MAIN: "main^{tree}", "refs/heads/a": "main"})
    assert set(outcome.refused) == {MAIN.encode()}
    assert node.open("Demo").row.default_branch == "refs/heads/a"


def test_the_default_branch_stays_when_main_comes_later(node: Node, local: Path) -> None:
    node.push("Demo", local, {"refs/heads/a": "main"})
    node.push("Demo", local, {MAIN: "main"})
    assert node.open("Demo").row.default_branch == "refs/heads/a"


def test_the_first_branch_after_tags_becomes_the_default(node: Node, local: Path) -> None:
    node.push("Demo", local, {"refs/tags/v1": "main"})
    node.push("Demo", local, {"refs/heads/a": "main"})
    assert node.open("Demo").row.default_branch == "refs/heads/a"


def test_tags_alone_make_no_default_branch(node: Node, local: Path) -> None:
    node.push("Demo", local, {"refs/tags/v1": "main"})
    assert node.open("Demo").row.default_branch is None


def test_a_branch_made_through_the_api_does_not_become_the_default(node: Node, local: Path) -> None:
    node.push("Demo", local, {"refs/tags/v1": "main"})
    commit = ObjectId(git(local, "rev-parse", "main"))
    moved = node.publisher.move_ref(
        node.caller,
        node.open("Demo"),
        RefName("refs/heads/main"),
        action="codecommit:CreateBranch",
        old=None,
        new=commit,
    )
    assert moved is None
    assert node.open("Demo").row.default_branch is None


def test_tagging_a_repository_deleted_meanwhile_says_that_it_is_gone(node: Node) -> None:
    row = node.open("Demo").row
    node.repositories.delete(node.caller, "Demo")
    with pytest.raises(Fault, match="RepositoryDoesNotExistException"):
        node.repositories.tag(node.caller, row, {"team": "a"}, limit=50)


def test_an_annotated_tag_is_peeled_all_the_way(node: Node, local: Path) -> None:
    git(local, "tag", "--annotate", "inner", "--message", "inner")
    git(local, "tag", "--annotate", "outer", "--message", "outer", "inner")
    node.push("Demo", local, {"refs/tags/outer": "outer"})
    (ref,) = node.open("Demo").snapshot.refs.refs
    assert ref.peeled_id == git(local, "rev-parse", "main")


def test_a_stale_ref_does_not_move_and_the_others_do(node: Node, local: Path) -> None:
    node.push("Demo", local, {MAIN: "main"})
    outcome = node.push(
        "Demo",
        local,
        {MAIN: "main~1", "refs/heads/new": "main"},
        old={MAIN: ObjectId("1" * 40)},
    )
    assert outcome.refused == {MAIN.encode(): push_rules.STALE}
    assert node.refs("Demo") == dict.fromkeys((MAIN, "refs/heads/new"), git(local, "rev-parse", "main"))


def test_atomic_moves_all_or_none(node: Node, local: Path) -> None:
    node.push("Demo", local, {MAIN: "main"})
    outcome = node.push(
        "Demo",
        local,
        {MAIN: "main~1", "refs/heads/new": "main"},
        atomic=True,
        old={MAIN: ObjectId("1" * 40)},
    )
    assert set(outcome.refused) == {MAIN.encode(), b"refs/heads/new"}
    assert node.refs("Demo") == {MAIN: git(local, "rev-parse", "main")}


def test_objects_that_only_a_refused_ref_needs_are_not_stored(
    node: Node, local: Path, tmp_path: Path
) -> None:
    node.push("Demo", local, {MAIN: "main"})
    git(local, "checkout", "--quiet", "-b", "secret")
    git(local, "commit", "--quiet", "--allow-empty", "--message", "refused")
    git(local, "checkout", "--quiet", "-b", "fine", "main")
    git(local, "commit", "--quiet", "--allow-empty", "--message", "accepted")
    node.push(
        "Demo",
        local,
        {"refs/heads/fine": "fine", MAIN: "secret"},
        old={MAIN: ObjectId("1" * 40)},
    )
    opened = node.beside(tmp_path / "fresh").open("Demo")
    assert opened.has_commit(ObjectId(git(local, "rev-parse", "fine")))
    assert not opened.has_commit(ObjectId(git(local, "rev-parse", "secret")))


def test_a_ref_that_became_stale_during_the_push_is_refused_by_the_transaction(
    node: Node, local: Path, tmp_path: Path
) -> None:
    node.push("Demo", local, {MAIN: "main~1"})
    before = node.open("Demo")
    git(local, "checkout", "--quiet", "-b", "other", "main~1")
    git(local, "commit", "--quiet", "--allow-empty", "--message", "other")
    first = git(local, "rev-parse", "main~1")
    node.push("Demo", local, {MAIN: "other"})
    outcome = node.push(
        "Demo",
        local,
        {MAIN: "main", "refs/heads/also": "main~1"},
        old={MAIN: ObjectId(first)},
        opened=before,
    )
    assert outcome.refused == {MAIN.encode(): push_rules.STALE}
    assert node.refs("Demo") == {MAIN: git(local, "rev-parse", "other"), "refs/heads/also": first}
    fresh = node.beside(tmp_path / "fresh").open("Demo")
    assert not fresh.has_commit(ObjectId(git(local, "rev-parse", "main")))


def test_a_branch_cannot_be_beside_its_own_folder(node: Node, local: Path, tmp_path: Path) -> None:
    node.push("Demo", local, {"refs/heads/a": "main"})
    outcome = node.push("Demo", local, {"refs/heads/a/b": "main", "refs/heads/c": "main"})
    assert set(outcome.refused) == {b"refs/heads/a/b"}
    clone(node, tmp_path / "clone")


@pytest.mark.parametrize(
    "names", [("refs/heads/a", "refs/heads/a/b/c"), ("refs/heads/a/b/c", "refs/heads/a")]
)
def test_of_a_branch_and_its_own_folder_in_one_push_the_first_is_made(
    node: Node, local: Path, names: tuple[str, str]
) -> None:
    first, second = names
    outcome = node.push("Demo", local, {first: "main", second: "main"})
    assert set(outcome.refused) == {second.encode()}


def test_a_folder_can_take_the_place_of_the_branch_deleted_with_it(
    node: Node, local: Path, tmp_path: Path
) -> None:
    node.push("Demo", local, {MAIN: "main", "refs/heads/a": "main"})
    assert node.push("Demo", local, {"refs/heads/a": "", "refs/heads/a/b": "main"}).refused == {}
    assert set(node.refs("Demo")) == {MAIN, "refs/heads/a/b"}
    clone(node, tmp_path / "clone")


def test_a_name_too_long_for_a_file_is_a_branch_all_the_same(node: Node, local: Path, tmp_path: Path) -> None:
    node.push("Demo", local, {MAIN: "main"})
    long = "refs/heads/" + "x" * 256
    assert node.push("Demo", local, {long: "main"}).refused == {}
    with node.open("Demo").reading() as path:
        assert f"{git(local, 'rev-parse', 'main')} {long}" in git(path, "show-ref")


def test_the_default_branch_cannot_be_deleted(node: Node, local: Path) -> None:
    node.push("Demo", local, {MAIN: "main"})
    assert node.push("Demo", local, {MAIN: ""}).refused == {MAIN.encode(): push_rules.DEFAULT_BRANCH}


def test_a_branch_that_points_to_no_commit_is_refused(node: Node, local: Path) -> None:
    node.push("Demo", local, {MAIN: "main"})
    outcome = node.push("Demo", local, {"refs/heads/tree": "main^{tree}"})
    assert outcome.refused == {b"refs/heads/tree": "a branch can only point to a commit"}


def test_a_ref_whose_objects_are_not_all_there_is_refused_alone(node: Node, local: Path) -> None:
    node.push("Demo", local, {MAIN: "main~1"})
    # The pack of a commit on top, without the commit that one of the refs is to point to.
    tip = git(local, "rev-parse", "main")
    sent = git_pack_of(local, git(local, "rev-parse", "main:count.txt"))
    updates = (
        RefUpdate(b"refs/heads/broken", ZERO_ID, ObjectId(tip)),
        RefUpdate(b"refs/heads/whole", ZERO_ID, ObjectId(git(local, "rev-parse", "main~1"))),
    )
    push = Push(node.publisher, node.gate, node.caller, node.open("Demo"), {})
    outcome = push.run(PushRequest(updates), iter([sent]), ReceiveLimits())
    assert set(outcome.refused) == {b"refs/heads/broken"}
    assert set(node.refs("Demo")) == {MAIN, "refs/heads/whole"}
    assert not node.open("Demo").has_commit(ObjectId(tip))


def git_pack_of(folder: Path, *object_ids: str) -> bytes:
    """Pack exactly these objects, whatever they need."""
    done = subprocess.run(
        ["git", "pack-objects", "--stdout", "-q"],
        cwd=folder,
        input="\n".join(object_ids).encode(),
        capture_output=True,
        check=True,
    )
    return done.stdout


def test_a_push_older_than_half_the_grace_loses_cleanly_and_its_retry_works(node: Node, local: Path) -> None:
    hasty = Publisher(node.database, node.blobs, node.opener, sweep_grace_ms=-2)
    with pytest.raises(Fault, match=TOO_SLOW):
        Node(**{**vars(node), "publisher": hasty}).push("Demo", local, {MAIN: "main"})
    assert list(node.blobs.keys("r/")) == []
    assert node.push("Demo", local, {MAIN: "main"}).refused == {}


def test_a_push_leaves_nothing_in_the_quarantine(node: Node, local: Path) -> None:
    node.push("Demo", local, {MAIN: "main"})
    node.push("Demo", local, {MAIN: ""})
    assert [path for path in node.cache.quarantine.iterdir() if path.is_dir()] == []


def test_the_sweeper_takes_only_blobs_that_no_row_names(node: Node, local: Path) -> None:
    node.push("Demo", local, {MAIN: "main"})
    repository_id = node.open("Demo").row.repository_id
    with (local / "count.txt").open("rb") as content:
        node.blobs.put(f"r/{repository_id}/p/orphan.pack", content)
    sweeper = Sweeper(node.database, node.blobs, grace_ms=-1_000)
    assert sweeper.sweep() == 1
    assert len(list(node.blobs.keys("r/"))) == 2
    assert not any("orphan" in blob.key for blob in node.blobs.keys("r/"))


def test_deleting_a_repository_leaves_its_blobs_to_the_sweeper_a_day_later(node: Node, local: Path) -> None:
    node.push("Demo", local, {MAIN: "main"})
    node.repositories.delete(node.caller, "Demo")
    sweeper = Sweeper(node.database, node.blobs, grace_ms=-1_000)
    assert sweeper.sweep() == 0  # a backup or a fetch that began before may read them still
    with node.database.write() as connection:
        connection.execute(update(tables.deleted_repositories).values(deleted_at_ms=1))
    assert sweeper.sweep() == 2
    assert list(node.blobs.keys("r/")) == []


def test_deletes_alone_bring_no_pack(node: Node, local: Path) -> None:
    node.push("Demo", local, {MAIN: "main", "refs/heads/gone": "main"})
    assert node.push("Demo", local, {"refs/heads/gone": ""}).refused == {}
    assert ZERO_ID not in node.refs("Demo").values()
    assert set(node.refs("Demo")) == {MAIN}
