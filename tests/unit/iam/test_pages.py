from __future__ import annotations

from typing import Any

import pytest

from identities_at_hand import Desk, Installation, root_principal
from moorage.services.iam import iam

POWER_USER = "arn:aws:iam::aws:policy/AWSCodeCommitPowerUser"


@pytest.fixture
def root(installation: Installation) -> Desk:
    return Desk(installation, iam, root_principal())


def pages(desk: Desk, operation: str, **request: object) -> list[dict[str, Any]]:
    """Return all pages of a list, two items each."""
    found = [desk.ask(operation, MaxItems=2, **request)]
    while found[-1]["IsTruncated"]:
        found.append(desk.ask(operation, MaxItems=2, Marker=found[-1]["Marker"], **request))
    return found


def test_pages_hold_every_user_once_and_the_last_says_so(root: Desk) -> None:
    names = ["Ada", "bob", "Carl", "dora", "Eve"]
    for name in reversed(names):
        root.ask("CreateUser", UserName=name)
    found = pages(root, "ListUsers")
    assert [[user["UserName"] for user in page["Users"]] for page in found] == [
        names[:2],
        names[2:4],
        names[4:],
    ]
    assert "Marker" not in found[-1]


def test_a_user_deleted_between_two_pages_does_not_break_the_next(root: Desk) -> None:
    for name in ("a", "b", "c", "d"):
        root.ask("CreateUser", UserName=name)
    first = root.ask("ListUsers", MaxItems=2)
    root.ask("DeleteUser", UserName="b")
    second = root.ask("ListUsers", MaxItems=2, Marker=first["Marker"])
    assert [user["UserName"] for user in second["Users"]] == ["c", "d"]


def test_a_marker_serves_only_the_list_and_account_it_came_from(
    root: Desk, installation: Installation
) -> None:
    for name in ("a", "b"):
        root.ask("CreateUser", UserName=name)
    marker = root.ask("ListUsers", MaxItems=1)["Marker"]
    assert root.refusal("ListGroups", Marker=marker).code == "ValidationError"
    assert root.refusal("ListUsers", Marker=marker, PathPrefix="/x/").code == "ValidationError"
    assert root.refusal("ListUsers", Marker="nonsense").code == "ValidationError"
    installation.add_account("999988887777")
    other = Desk(installation, iam, root_principal("999988887777"))
    assert other.refusal("ListUsers", Marker=marker).code == "ValidationError"


def test_entities_of_a_policy_are_paged_over_groups_then_users(root: Desk) -> None:
    for name in ("g1", "g2", "g3"):
        root.ask("CreateGroup", GroupName=name)
        root.ask("AttachGroupPolicy", GroupName=name, PolicyArn=POWER_USER)
    for name in ("u1", "u2"):
        root.ask("CreateUser", UserName=name)
        root.ask("AttachUserPolicy", UserName=name, PolicyArn=POWER_USER)
    found = pages(root, "ListEntitiesForPolicy", PolicyArn=POWER_USER)
    shown = [
        [row["GroupName"] for row in page["PolicyGroups"]] + [row["UserName"] for row in page["PolicyUsers"]]
        for page in found
    ]
    assert shown == [["g1", "g2"], ["g3", "u1"], ["u2"]]


def test_all_policies_come_in_pages_without_loss(root: Desk) -> None:
    whole = [policy["Arn"] for policy in root.ask("ListPolicies")["Policies"]]
    found = [policy["Arn"] for page in pages(root, "ListPolicies") for policy in page["Policies"]]
    assert found == whole
