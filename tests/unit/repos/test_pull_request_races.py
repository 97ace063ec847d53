"""Pull requests and pushes that meet: two nodes, one truth."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from codecommit_at_hand import git
from moorage.core.faults import Fault
from moorage.core.names import ObjectId, RefName
from moorage.git.new_objects import Signature
from moorage.repos.merge_rules import MergeOption, MergeRules
from moorage.repos.merging import MergeAsked, Merged, publish_merge
from moorage.repos.pull_requests import effects, life
from moorage.repos.push_rules import STALE
from moorage.storage import pull_requests as stored
from moorage.storage.pull_requests import PullRequestRow
from repository_at_hand import Node

pytestmark = pytest.mark.slow

MAIN, FEATURE = RefName("refs/heads/main"), RefName("refs/heads/feature")
ACTION = "codecommit:MergePullRequestByFastForward"


@dataclass(frozen=True)
class Scene:
    """Demo with main, one commit behind feature, and a pull request between them."""

    node: Node
    local: Path

    def row(self) -> PullRequestRow:
        caller = self.node.caller
        with self.node.database.read() as connection:
            found = stored.find(connection, caller.account_id, caller.region, 1)
        assert found is not None
        return found

    def kinds(self) -> list[str]:
        with self.node.database.read() as connection:
            found = stored.events(connection, self.row().pull_request_key, limit=100)
        return [one.event_type.removeprefix("PULL_REQUEST_") for one in found]

    def local_commit(self, message: str, at: str = "HEAD") -> ObjectId:
        """Make a commit in the local repository on top of a revision."""
        git(self.local, "checkout", "--quiet", "--detach", at)
        git(self.local, "commit", "--quiet", "--allow-empty", "--message", message)
        return ObjectId(git(self.local, "rev-parse", "HEAD"))

    def merge(
        self, node: Node, also_first: Callable[[], object] = lambda: None, how: str = "FAST_FORWARD_MERGE"
    ) -> Merged:
        """Merge the pull request on a node; `also_first` happens when the merge is about to be stored."""
        opened, row, option = node.open("Demo"), self.row(), MergeOption(how)
        asked = MergeAsked(
            ObjectId(row.destination_commit),
            ObjectId(row.source_commit),
            MergeRules(option),
            Signature("Mary", "mary@example.com", node.caller.now),
            "Merge\n",
        )
        closing = life.closing(
            node.caller, row, source=ObjectId(row.source_commit), action=ACTION, option=option
        )

        def also(merged: Merged) -> Any:
            also_first()
            return closing(merged)

        return publish_merge(node.publisher, opened, node.caller, MAIN, asked, action=ACTION, also=also)


@pytest.fixture
def scene(node: Node, local: Path) -> Scene:
    node.push("Demo", local, {MAIN: "main"})
    made = Scene(node, local)
    made.local_commit("Feature", "main")
    node.push("Demo", local, {FEATURE: "HEAD"})
    asked = life.Asked("Title", None, FEATURE, MAIN)
    life.create(node.database, node.caller, node.open("Demo"), asked)
    return made


def outcome(action: Callable[[], object]) -> str:
    try:
        action()
    except Fault as fault:
        return fault.code.removesuffix("Exception")
    return "done"


def test_two_nodes_that_merge_the_same_pull_request_merge_it_once(scene: Scene, tmp_path: Path) -> None:
    other = scene.node.beside(tmp_path / "other")
    together, outcomes = threading.Barrier(2), list[str]()

    def merge(node: Node) -> None:
        outcomes.append(outcome(lambda: scene.merge(node, together.wait)))

    threads = [threading.Thread(target=merge, args=(node,)) for node in (scene.node, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["ConcurrentReferenceUpdate", "done"]
    assert scene.kinds() == ["CREATED", "MERGE_STATE_CHANGED", "STATUS_CHANGED"]


def test_a_push_to_the_source_just_before_the_merge_wins(scene: Scene) -> None:
    seen = scene.row()

    def push() -> None:
        scene.local_commit("Unseen")
        assert scene.node.push("Demo", scene.local, {FEATURE: "HEAD"}).refused == {}

    # Seen before, merged after: nobody has looked at what would be left out.
    assert outcome(lambda: scene.merge(scene.node, push)) == "TipOfSourceReferenceIsDifferent"
    now = scene.row()
    assert now.is_open
    assert now.revision_id != seen.revision_id
    assert scene.node.refs("Demo")[MAIN] == seen.destination_commit


def test_a_push_to_the_destination_just_before_the_merge_wins(scene: Scene) -> None:
    before = scene.row()

    def push() -> None:
        scene.local_commit("Meanwhile", "main")
        assert scene.node.push("Demo", scene.local, {MAIN: "HEAD"}).refused == {}

    assert outcome(lambda: scene.merge(scene.node, push, "SQUASH_MERGE")) == "ConcurrentReferenceUpdate"
    now = scene.row()
    assert now.is_open
    assert now.destination_commit != before.destination_commit
    assert now.merge_base == before.merge_base


def test_a_push_that_merges_just_before_the_merge_closes_it(scene: Scene) -> None:
    def push() -> None:
        assert scene.node.push("Demo", scene.local, {MAIN: scene.row().source_commit}).refused == {}

    assert outcome(lambda: scene.merge(scene.node, push, "SQUASH_MERGE")) == "ConcurrentReferenceUpdate"
    assert scene.kinds() == ["CREATED", "MERGE_STATE_CHANGED", "STATUS_CHANGED"]
    assert scene.row().merge_option == "FAST_FORWARD_MERGE"


def test_one_that_is_closed_just_before_its_merge_moves_nothing(scene: Scene) -> None:
    before = scene.row().destination_commit

    def close() -> None:
        life.close(scene.node.database, scene.node.caller, scene.row())

    assert outcome(lambda: scene.merge(scene.node, close)) == "PullRequestAlreadyClosed"
    assert scene.node.refs("Demo")[MAIN] == before
    assert scene.row().is_merged is False


def test_a_push_of_unseen_objects_is_compared_before_they_are_published(scene: Scene) -> None:
    before = scene.row()
    scene.local_commit("Merged by hand", "main")
    git(scene.local, "merge", "--quiet", "--no-ff", "--message", "By hand", before.source_commit)
    assert scene.node.push("Demo", scene.local, {MAIN: "HEAD"}).refused == {}
    now = scene.row()
    assert (now.is_open, now.is_merged, now.merge_option) == (False, True, "THREE_WAY_MERGE")
    assert now.merge_commit == git(scene.local, "rev-parse", "HEAD")


def test_a_pull_request_that_is_opened_while_a_push_is_on_its_way_is_met_by_it(
    scene: Scene, tmp_path: Path
) -> None:
    """The other node's view of the repository is from before the pull request's branches moved."""
    other = scene.node.beside(tmp_path / "other")
    opened = other.open("Demo")
    unseen = scene.local_commit("Unseen by the other", scene.row().source_commit)
    scene.node.push("Demo", scene.local, {FEATURE: "HEAD"})
    scene.local_commit("On main", "main")
    assert other.push("Demo", scene.local, {MAIN: "HEAD"}, opened=opened).refused == {}
    now = scene.row()
    assert (now.is_open, now.source_commit) == (True, unseen)
    assert now.destination_commit == other.refs("Demo")[MAIN]


def test_a_branch_that_moves_while_a_pull_request_is_made_is_looked_at_again(scene: Scene) -> None:
    opened = scene.node.open("Demo")
    scene.local_commit("Later", scene.row().source_commit)
    scene.node.push("Demo", scene.local, {FEATURE: "HEAD"})
    with pytest.raises(life.Overtaken):
        life.create(scene.node.database, scene.node.caller, opened, life.Asked("Second", None, FEATURE, MAIN))
    with scene.node.database.read() as connection:
        assert stored.count_open(connection, scene.row().repository_id) == 1


def test_a_push_and_a_new_pull_request_at_once_agree_on_the_tip(scene: Scene, tmp_path: Path) -> None:
    other = scene.node.beside(tmp_path / "other")
    scene.local_commit("At once", scene.row().source_commit)
    together, refused = threading.Barrier(2), list[dict[bytes, str]]()

    def push() -> None:
        together.wait()
        refused.append(dict(other.push("Demo", scene.local, {FEATURE: "HEAD"}).refused))

    def make() -> None:
        together.wait()
        for _ in range(life.ATTEMPTS):
            try:
                life.create(
                    scene.node.database,
                    scene.node.caller,
                    scene.node.open("Demo"),
                    life.Asked("Second", None, FEATURE, MAIN),
                )
            except life.Overtaken:
                continue
            return

    threads = [threading.Thread(target=each) for each in (push, make)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == [{}]
    with scene.node.database.read() as connection:
        tips = {
            row.source_commit
            for row in stored.open_on(connection, scene.row().repository_id, [FEATURE.encode()])
        }
    assert tips == {scene.node.refs("Demo")[FEATURE]}


def test_merge_bases_are_found_across_what_is_not_published(scene: Scene) -> None:
    row = scene.row()
    pair = ObjectId(row.destination_commit), ObjectId(row.source_commit)
    assert effects.find_bases(scene.node.open("Demo"), None, [pair]) == {pair: row.destination_commit}


def test_a_stale_push_leaves_pull_requests_alone(scene: Scene) -> None:
    tip = ObjectId(scene.row().source_commit)
    scene.local_commit("Stale", tip)
    refused = scene.node.push(
        "Demo", scene.local, {FEATURE: "HEAD"}, old={FEATURE: ObjectId("1" * 40)}
    ).refused
    assert refused == {FEATURE.encode(): STALE}
    assert scene.kinds() == ["CREATED"]
