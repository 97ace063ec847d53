from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.core.faults import Fault
from moorage.git.ref_names import (
    branch_name_fault,
    fits_loose,
    require_pushable,
    tag_name_fault,
)


@pytest.mark.parametrize(
    "name",
    [
        "main",
        "feature/x",
        "-h",
        "--upload-pack=x",
        "a;b",
        "$(id)",
        '"><svg>',
        "é",
        "a" * 256,
        "x" * 40,
        "a@b",
        "HEAD",
    ],
)
def test_what_git_and_codecommit_allow_is_allowed(name: str) -> None:
    assert branch_name_fault(name) is None
    assert require_pushable(f"refs/heads/{name}".encode()) == f"refs/heads/{name}"


@pytest.mark.parametrize(
    "name",
    ["", "a" * 257, "0123456789" * 4, "ABCDEF0123" * 4, "/a", "a/", ".a", "a.", "@", "a..b", "a//b", "a@{b"]
    + [f"a{character}b" for character in " ?^*[\\~:\x00\n\x7f\x1b"]
    + ["a/.b", "a.lock", "a.lock/b", "\ud800"],
)
def test_a_bad_branch_name_has_a_reason(name: str) -> None:
    assert branch_name_fault(name)
    with pytest.raises(Fault) as refusal:
        require_pushable(b"refs/heads/" + name.encode(errors="surrogatepass"))
    assert refusal.value.message


def test_tags_may_look_like_object_ids_and_have_limits_of_their_own() -> None:
    assert tag_name_fault("0" * 40) is None
    assert tag_name_fault("v1..2")
    assert tag_name_fault("")
    assert tag_name_fault("x" * 257)


@pytest.mark.parametrize("name", [b"refs/notes/commits", b"refs/pull/1/head", b"refs/changes/01/1/1"])
def test_other_refs_may_be_pushed(name: bytes) -> None:
    assert require_pushable(name) == name.decode()


@pytest.mark.parametrize(
    "name",
    [
        b"HEAD",
        b"main",
        b"heads/main",
        b"refs/main",
        b"refs/",
        b"refs/moorage/x",
        b"refs/heads/\xff",
        b"refs//x",
        b"refs/notes/" + b"x" * 2000,
        b"refs/notes/..",
        b"refs/heads/",
        b"",
    ],
)
def test_what_is_no_ref_of_the_clients_is_refused(name: bytes) -> None:
    with pytest.raises(Fault):
        require_pushable(name)


def git_accepts(name: str) -> bool:
    return subprocess.run(["git", "check-ref-format", name], check=False).returncode == 0


@settings(max_examples=150, deadline=None)
@given(
    st.text("ab./@{~^:?*[\\ -\x01é", min_size=1, max_size=12).map(
        lambda text: text + ".lock" * (len(text) == 5)
    )
)
def test_git_agrees_with_the_rules_of_form(name: str) -> None:
    full = f"refs/notes/{name}"
    accepted = git_accepts(full)
    try:
        require_pushable(full.encode())
    except Fault:
        assert not accepted
    else:
        assert accepted


def test_components_too_long_for_a_file_are_known() -> None:
    assert fits_loose(b"refs/heads/" + b"x" * 250)
    assert not fits_loose(b"refs/heads/" + b"x" * 251)
