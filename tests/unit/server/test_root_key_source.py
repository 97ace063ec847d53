from __future__ import annotations

import os
from pathlib import Path

import pytest

from moorage.crypto.envelope import OpenFailed
from moorage.crypto.root_key import FileWatch, RootKey, RootKeyError
from moorage.server.external_kms import ExternalKms

ARN = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        (f"kms:{ARN}", None),
        (f"kms:{ARN}@https://kms.example.org:8443", "https://kms.example.org:8443"),
        (f"kms:{ARN}@http://localhost:8080", "http://localhost:8080"),
        ("kms:arn:aws:kms:eu-west-1:111122223333:alias/root@http://127.0.0.1:1", "http://127.0.0.1:1"),
    ],
)
def test_a_key_of_another_kms_is_named_by_arn_and_place(text: str, endpoint: str | None) -> None:
    kms = ExternalKms.parse(text)
    assert (kms.endpoint, kms.region) == (endpoint, "eu-west-1")


@pytest.mark.parametrize(
    "text",
    [
        "kms:",
        "kms:alias/root",
        f"kms:{ARN}@",
        f"kms:{ARN}@http://kms.example.org",  # the root key would travel in clear
        f"kms:{ARN}@http://localhost.example.org:80",
        f"kms:{ARN}@ftp://localhost",
    ],
)
def test_what_names_no_key_of_a_kms_is_refused(text: str) -> None:
    with pytest.raises(RootKeyError, match="kms:KEY-ARN"):
        ExternalKms.parse(text)


def test_a_kms_that_is_away_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x" * 20)
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(RootKeyError, match="cannot be asked to decrypt"):
        ExternalKms.parse(f"kms:{ARN}@http://127.0.0.1:9").unwrap(b"x")


def test_a_key_that_is_watched_follows_its_file_and_survives_a_broken_one(tmp_path: Path) -> None:
    path = tmp_path / "root.key"
    old = RootKey.generate()
    old.save(path)
    held = RootKey.parse(path.read_text())
    held.watch(FileWatch(path))
    newer = old.rotated()
    sealed = newer.seal(b"text", "place")
    newer.replace(path)
    assert held.open(sealed, "place") == b"text"
    assert held.key_id == newer.key_id
    path.chmod(0o644)
    os.utime(path, ns=(1, 1))
    assert held.open(held.seal(b"text", "place"), "place") == b"text"
    path.unlink()
    assert held.open(held.seal(b"text", "place"), "place") == b"text"


def test_a_key_that_its_file_dropped_opens_nothing_more(tmp_path: Path) -> None:
    path = tmp_path / "root.key"
    old = RootKey.generate()
    both = old.rotated()
    both.save(path)
    held = RootKey.parse(path.read_text())
    held.watch(FileWatch(path))
    sealed = old.seal(b"text", "place")
    assert held.open(sealed, "place") == b"text"
    both.finished(()).replace(path)
    with pytest.raises(OpenFailed):
        held.open(sealed, "place")
    with pytest.raises(RootKeyError):
        held.derive("sessions", old.key_id)


def test_only_what_is_still_needed_of_a_dropped_key_is_kept() -> None:
    old = RootKey.generate()
    both = old.rotated()
    finished = RootKey.parse(both.finished({(old.key_id, "passwords")}).render())
    assert finished.derive("passwords", old.key_id) == old.derive("passwords")
    assert finished.old_key_ids == ()
    with pytest.raises(RootKeyError):
        finished.derive("sessions", old.key_id)
    again = RootKey.parse(finished.rotated().render())
    assert again.derive("passwords", old.key_id) == old.derive("passwords")


def test_a_second_rotation_keeps_what_the_first_kept() -> None:
    first = RootKey.generate()
    second = first.rotated().finished({(first.key_id, "passwords")})
    third = second.rotated().finished({(first.key_id, "passwords"), (second.key_id, "passwords")})
    assert third.derive("passwords", first.key_id) == first.derive("passwords")
    assert third.derive("passwords", second.key_id) == second.derive("passwords")


@pytest.mark.parametrize("line", ["moorage-derived-key-1:", "moorage-derived-key-1:xx:p:AAAA"])
def test_a_broken_derived_line_is_refused(line: str) -> None:
    with pytest.raises(RootKeyError, match="no derived key"):
        RootKey.parse(RootKey.generate().render() + line)
