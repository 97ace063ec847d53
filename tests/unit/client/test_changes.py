"""Files are changed whole or not at all, shown without secrets, and given back as they were."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.client import changes
from moorage.client.changes import Change, ChangeRefused
from moorage.client.machine import ThisMachine

SECRET = "wJalrXUtnFEMI/K7MDENG"
TEXTS = st.none() | st.lists(st.sampled_from(["a\n", "b\r\n", "\ufeff", "\udcff", "é", "x"]), max_size=6).map(
    "".join
)


@pytest.fixture
def machine(tmp_path: Path) -> ThisMachine:
    return ThisMachine({"HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin"}, folder=tmp_path)


@given(before=TEXTS, after=TEXTS)
def test_undo_gives_back_every_byte(
    tmp_path_factory: pytest.TempPathFactory, before: str | None, after: str | None
) -> None:
    folder = tmp_path_factory.mktemp("undo")
    machine = ThisMachine({"HOME": str(folder)}, folder=folder)
    path = folder / "file"
    content = None if before is None else before.encode("utf-8", "surrogateescape")
    if content is not None:
        path.write_bytes(content)
        path.chmod(0o604)
    journal = changes.apply(machine, [Change(path, machine.read(path), after, "")], "test")
    assert machine.read(path) == after
    assert (journal is None) == (before == after)
    if journal is not None:
        assert journal.stat().st_mode & 0o777 == 0o600
        changes.undo(machine, journal)
        assert not journal.exists()
    assert (path.read_bytes() if path.exists() else None) == content
    if content is not None:
        assert path.stat().st_mode & 0o777 == 0o604


def test_a_link_is_followed_and_nothing_else_is_left_behind(machine: ThisMachine, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles" / "gitconfig"
    real.parent.mkdir()
    real.write_text("old\n")
    link = tmp_path / ".gitconfig"
    link.symlink_to(real)
    changes.apply(machine, [Change(link, "old\n", "new\n", "")], "test")
    assert link.is_symlink()
    assert real.read_text() == "new\n"
    assert [each.name for each in real.parent.iterdir()] == ["gitconfig"]


def test_a_file_changed_meanwhile_or_since_is_left_alone(machine: ThisMachine, tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("a\n")
    other.write_text("b\n")
    with pytest.raises(ChangeRefused, match="changed meanwhile"):
        changes.apply(machine, [Change(one, "x\n", "c\n", "")], "test")
    journal = changes.apply(machine, [Change(one, "a\n", "A\n", ""), Change(other, "b\n", "B\n", "")], "test")
    assert journal is not None
    other.write_text("mine\n")
    with pytest.raises(ChangeRefused, match="other was changed since"):
        changes.undo(machine, journal)
    assert one.read_text() == "A\n"


def test_a_change_that_a_crash_left_undone_does_not_stand_in_the_way(
    machine: ThisMachine, tmp_path: Path
) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    other.write_text("b\n")
    journal = changes.apply(machine, [Change(one, None, "A\n", ""), Change(other, "b\n", "B\n", "")], "test")
    assert journal is not None
    one.unlink()  # as if it had not come to this
    assert [change.path for change in changes.undo(machine, journal)] == [other]
    assert other.read_text() == "b\n"


@pytest.mark.parametrize(
    "change",
    [
        {"path": "/etc/passwd"},
        {"path": "a\0b"},
        {"path": 5},
        {"path": "/dev/zero"},
        {"head": -5},
        {"head": "x"},
        {"tail": 10**30},
        {"lost": "another line"},
        {"lost": None},
        {"mode": "x"},
        {"before": "0" * 64},
    ],
    ids=str,
)
def test_a_journal_that_somebody_wrote_into_takes_nothing_back(
    change: dict[str, object], machine: ThisMachine, tmp_path: Path
) -> None:
    path = tmp_path / "one"
    path.write_text("a\nb\n")
    journal = changes.apply(machine, [Change(path, "a\nb\n", "a\nB\n", "")], "test")
    assert journal is not None
    told = json.loads(journal.read_text())
    told["changes"][0] |= change
    journal.write_text(json.dumps(told))
    with pytest.raises(ChangeRefused, match=r"is not a journal|is damaged|was changed since|cannot be read"):
        changes.undo(machine, journal)
    assert path.read_text() == "a\nB\n"


def test_if_one_file_cannot_be_written_the_others_are_as_before(machine: ThisMachine, tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("a\n")
    (tmp_path / "other.lock").touch()
    with pytest.raises(ChangeRefused, match="another program is changing"):
        changes.apply(machine, [Change(one, "a\n", "A\n", ""), Change(other, None, "B\n", "")], "test")
    assert one.read_text() == "a\n"
    assert not other.exists()
    assert changes.journals(machine) == []


def test_neither_the_diff_nor_the_journal_holds_a_secret(machine: ThisMachine, tmp_path: Path) -> None:
    path = tmp_path / "credentials"
    before = f"[default]\naws_secret_access_key = {SECRET}\n# https://ann:{SECRET}@host/\x1b[31m\n"
    after = before + "[moorage]\nregion = eu-west-1\n"
    path.write_text(before)
    change = Change(path, before, after, "a profile")
    shown = changes.diff(change)
    assert "+region = eu-west-1" in shown
    assert SECRET not in shown
    assert "\x1b" not in shown
    journal = changes.apply(machine, [change], "test")
    assert journal is not None
    assert SECRET not in journal.read_text()
    gone = Change(path, after, after.replace(f"ann:{SECRET}", ""), "evicted", undoable=False)
    assert changes.apply(machine, [gone], "test") is None


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (f"https://ASIA%25{SECRET}:20240229T123456Zab@host", "https://ASIA:***@host"),
        (f"https://ann:{SECRET}@host/x", "https://ann:***@host/x"),
        ("https://ann@host/x", "https://ann@host/x"),
        ("https://host:8443/x", "https://host:8443/x"),
        (f"aws_session_token={SECRET}", "aws_session_token=***"),
        (f"password: {SECRET}", "password: ***"),
        (f"x = 20240229T123456Z{'0' * 64}", "x = ***"),
        ("helper = moorage", "helper = moorage"),
    ],
)
def test_what_is_secret_in_a_line_is_masked(line: str, shown: str) -> None:
    assert changes.masked(line) == shown


def test_changes_of_one_file_become_one(tmp_path: Path) -> None:
    path = tmp_path / "f"
    both = changes.merged(
        [
            Change(path, None, "a", "one"),
            Change(path, "a", "ab", "two"),
            Change(tmp_path / "g", "x", "x", "-"),
        ]
    )
    assert both == [Change(path, None, "ab", "one; two")]
    with pytest.raises(ChangeRefused):
        changes.merged([Change(path, None, "a", "one"), Change(path, None, "b", "two")])


def test_only_the_last_journals_are_kept(machine: ThisMachine, tmp_path: Path) -> None:
    path = tmp_path / "f"
    for number in range(changes.JOURNALS_KEPT + 2):
        changes.apply(machine, [Change(path, machine.read(path), str(number), "")], str(number))
    kept = changes.journals(machine)
    assert len(kept) == changes.JOURNALS_KEPT
    assert json.loads(kept[-1].read_text())["what"] == str(changes.JOURNALS_KEPT + 1)
