from __future__ import annotations

from moorage.core.faults import ACCESS_DENIED, Fault
from moorage.edge.refused_refs import messages, reasons

MAIN, STALE = b"refs/heads/main", b"refs/heads/stale"
DENIED = Fault(ACCESS_DENIED, "You may not.", status=403, why="You may not. Statement Guard of policy P.")
REFUSED = {MAIN: "You may not. Statement Guard of policy P.", STALE: "stale info"}


def test_what_a_policy_decided_is_short_behind_the_ref_and_whole_in_the_message() -> None:
    assert reasons(REFUSED, [DENIED], in_full=False) == {MAIN: "You may not.", STALE: "stale info"}
    assert messages(REFUSED, [DENIED]) == ["refs/heads/main: You may not. Statement Guard of policy P."]


def test_a_client_that_takes_no_messages_gets_the_whole_behind_the_ref() -> None:
    assert reasons(REFUSED, [DENIED], in_full=True) == REFUSED


def test_refs_refused_for_the_same_reason_are_told_together() -> None:
    refused = {b"refs/tags/%d" % number: str(DENIED.detail["why"]) for number in range(4000)}
    (message,) = messages(refused, [DENIED] * 4000)
    assert message.startswith("refs/tags/0, refs/tags/1, ")
    assert " and 3995 more: You may not." in message
