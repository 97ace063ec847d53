"""Helpers are known by their names and by what they start."""

from __future__ import annotations

import pytest

from moorage.client import helper_kinds


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("moorage", "moorage"),
        ("!'/opt/my tools/bin/git-credential-moorage' --profile 'a b'", "moorage"),
        ("/opt/git-credential-moorage", "moorage"),
        ("!'/usr/bin/python3' -I -S '/x y/credential_helper.py'", "moorage"),
        ("!moorage credential-helper $@", "moorage"),
        ("!'C:/Program Files/moorage.exe' credential-helper", "moorage"),
        ("!aws codecommit credential-helper $@", "aws"),
        ("!aws --profile 'a b' codecommit credential-helper $@", "aws"),
        ("'!aws codecommit credential-helper $@'", "aws"),
        ("manager", "manager"),
        ("manager-core", "manager"),
        ("C:/Program\\ Files/Git/mingw64/bin/git-credential-manager.exe", "manager"),
        ('!"C:/Program Files/GCM/git-credential-manager-core.exe"', "manager"),
        ("osxkeychain", "osxkeychain"),
        ("wincred", "wincred"),
        ("/usr/share/doc/git/contrib/credential/libsecret/git-credential-libsecret", "libsecret"),
        ("store --file '/x y'", "store"),
        ("cache --timeout=900", "cache"),
        ("!store", "other"),
        ("!echo 'open", "other"),
        ("netrc", "other"),
        ("", "other"),
    ],
)
def test_a_helpers_kind(value: str, kind: str) -> None:
    assert helper_kinds.kind(value) == kind


def test_git_runs_a_helper_by_its_own_shell() -> None:
    assert helper_kinds.argv("!aws x $@", "get") == ["sh", "-c", "aws x $@ get"]
    assert helper_kinds.argv("/a/b c", "erase") == ["sh", "-c", "/a/b c erase"]
    assert helper_kinds.argv("C:/a", "get") == ["sh", "-c", "C:/a get"]
    assert helper_kinds.argv("store --file x", "store") == ["sh", "-c", "git credential-store --file x store"]
    assert helper_kinds.shell_of("linux", "/usr/lib/git-core") == "/bin/sh"
    assert (
        helper_kinds.shell_of("windows", "C:/Program Files/Git/mingw64/libexec/git-core")
        == "C:/Program Files/Git/bin/sh.exe"
    )
