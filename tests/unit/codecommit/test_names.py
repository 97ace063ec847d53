"""The form of names, tags and ids."""

from __future__ import annotations

import re
import string
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.core.faults import Fault
from moorage.services.codecommit import names


def refusal(check: Callable[[str], str], text: str) -> Fault | None:
    """Return what a check refuses a text with, if it does."""
    try:
        check(text)
    except Fault as fault:
        return fault
    return None


VALID_NAME = st.text(string.ascii_letters + string.digits + "._-", min_size=1, max_size=100)


@given(VALID_NAME.filter(lambda name: not name.endswith(".git") and name not in {".", ".."}))
def test_letters_digits_periods_underscores_and_hyphens_name_a_repository(name: str) -> None:
    assert names.repository(name) == name


@given(st.text(max_size=120))
def test_any_text_is_a_repository_name_or_is_refused_by_the_modelled_error(name: str) -> None:
    fault = refusal(names.repository, name)
    if fault is None:
        assert re.fullmatch(r"[A-Za-z0-9._-]{1,100}", name)
    else:
        assert fault.code == "InvalidRepositoryNameException"
        assert fault.message.encode()


@pytest.mark.parametrize(
    "name",
    ["", "a" * 101, "a b", "a/b", "a.git", ".git", "é", "a\n", "..", ".", "a:b", "İ", "٣", "\ud800", "a\0"],
)
def test_these_do_not_name_a_repository(name: str) -> None:
    with pytest.raises(Fault, match="InvalidRepositoryNameException"):
        names.repository(name)


@pytest.mark.parametrize("name", ["a", "a" * 100, "A.b_c-D", "a.git2", "a.GIT", "...", "-"])
def test_these_name_a_repository(name: str) -> None:
    assert names.repository(name) == name


@pytest.mark.parametrize("name", ["main", "feature/x", "a" * 256, "a" * 39, "ünïcode", "a@b", "0" * 41])
def test_these_name_a_branch(name: str) -> None:
    assert names.branch(name) == f"refs/heads/{name}"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a" * 257,
        "0a" * 20,
        "/a",
        "a/",
        ".a",
        "a.",
        "@",
        "a..b",
        "a//b",
        "a@{b",
        "a b",
        "a?",
        "a^",
        "a*",
        "a[",
        "a\\",
        "a~",
        "a:",
        "a\0",
        "a\x7f",
        "a.lock",
        "a/.b",
        "\ud800",
    ],
)
def test_these_do_not_name_a_branch(name: str) -> None:
    with pytest.raises(Fault, match="InvalidBranchNameException"):
        names.branch(name)


@given(st.text(max_size=300))
def test_any_text_is_a_branch_name_or_is_refused_by_the_modelled_error(name: str) -> None:
    fault = refusal(names.branch, name)
    if fault is None:
        assert names.branch(name).encode().decode() == f"refs/heads/{name}"
    else:
        assert fault.code == "InvalidBranchNameException"
        assert fault.message.encode()


def test_a_commit_id_is_forty_hex_digits_and_comes_out_in_lower_case() -> None:
    assert names.commit("AB" * 20) == "ab" * 20


@pytest.mark.parametrize("text", ["", "a" * 39, "a" * 41, "g" * 40, "main", "HEAD", "a" * 40 + "\n"])
def test_anything_shorter_longer_or_other_is_no_commit_id(text: str) -> None:
    with pytest.raises(Fault, match="InvalidCommitIdException"):
        names.commit(text)


def test_an_empty_description_is_none_at_all() -> None:
    assert names.description("") is None


@pytest.mark.parametrize("text", ["a" * 1000, "<b>bold</b>", "\U0001f6a2" * 1000, "line\nline"])
def test_any_text_of_a_thousand_characters_describes_a_repository(text: str) -> None:
    assert names.description(text) == text


@pytest.mark.parametrize("text", ["a" * 1001, "nul\0", "\ud83d"])
def test_a_longer_description_or_one_that_no_database_holds_is_refused(text: str) -> None:
    with pytest.raises(Fault, match="InvalidRepositoryDescriptionException"):
        names.description(text)


@pytest.mark.parametrize(
    ("tags", "error"),
    [
        ({"": "v"}, "InvalidTagsMapException"),
        ({"k" * 129: "v"}, "InvalidTagsMapException"),
        ({"k": "v" * 257}, "InvalidTagsMapException"),
        ({"k": "semi;colon"}, "InvalidTagsMapException"),
        ({"k\0": "v"}, "InvalidTagsMapException"),
        ({"k": "\ud800"}, "InvalidTagsMapException"),
        ({"aws:k": "v"}, "InvalidSystemTagUsageException"),
        ({"AWS:k": "v"}, "InvalidSystemTagUsageException"),
        ({f"k{number}": "v" for number in range(51)}, "TooManyTagsException"),
    ],
)
def test_tags_out_of_form_are_refused_by_the_modelled_error(tags: dict[str, str], error: str) -> None:
    with pytest.raises(Fault, match=error):
        names.tags(tags)


def test_tags_take_letters_of_any_script_spaces_and_the_listed_marks() -> None:
    tags = {"Kosten stelle/é+-=._:@": "値 1", "k" * 128: "v" * 256, "empty": ""}
    assert names.tags(tags) == tags


@pytest.mark.parametrize(
    ("keys", "error"),
    [
        ([], "TagKeysListRequiredException"),
        ([""], "InvalidTagKeysListException"),
        (["k" * 129], "InvalidTagKeysListException"),
        (["aws:k"], "InvalidSystemTagUsageException"),
        ([f"k{number}" for number in range(51)], "TooManyTagsException"),
    ],
)
def test_tag_keys_out_of_form_are_refused_by_the_modelled_error(keys: list[str], error: str) -> None:
    with pytest.raises(Fault, match=error):
        names.tag_keys(keys)
