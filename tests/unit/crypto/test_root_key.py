from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.crypto.envelope import OpenFailed
from moorage.crypto.root_key import RootKey, RootKeyError

KEY = RootKey.generate()


@given(st.binary(max_size=200), st.text(max_size=20))
def test_what_is_sealed_opens_in_its_place(plaintext: bytes, context: str) -> None:
    assert KEY.open(KEY.seal(plaintext, context), context) == plaintext


@given(st.data())
def test_any_changed_byte_keeps_it_shut(data: st.DataObject) -> None:
    sealed = bytearray(KEY.seal(b"secret access key", "place"))
    at = data.draw(st.integers(0, len(sealed) - 1))
    sealed[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(OpenFailed):
        KEY.open(bytes(sealed), "place")


@given(st.integers(0, 60))
def test_a_shortened_secret_stays_shut(length: int) -> None:
    sealed = KEY.seal(b"secret access key", "place")
    with pytest.raises(OpenFailed):
        KEY.open(sealed[: min(length, len(sealed) - 1)], "place")


def test_a_secret_moved_to_another_place_stays_shut() -> None:
    with pytest.raises(OpenFailed, match="place"):
        KEY.open(KEY.seal(b"x", "access-key AKIA1"), "access-key AKIA2")


def test_another_root_key_is_named_as_not_held() -> None:
    sealed = KEY.seal(b"x", "place")
    with pytest.raises(OpenFailed, match=KEY.key_id):
        RootKey.generate().open(sealed, "place")


def test_a_rotated_key_seals_anew_and_opens_the_old() -> None:
    old = KEY.seal(b"x", "place")
    rotated = RootKey.parse(KEY.rotated().render())
    assert rotated.open(old, "place") == b"x"
    assert rotated.sealed_with_old(old)
    assert not rotated.sealed_with_old(rotated.seal(b"x", "place"))
    with pytest.raises(OpenFailed):
        KEY.open(rotated.seal(b"x", "place"), "place")


def test_derived_keys_differ_by_purpose_and_outlive_a_rotation() -> None:
    rotated = KEY.rotated()
    assert KEY.derive("tokens") != KEY.derive("pages")
    assert rotated.derive("tokens") != KEY.derive("tokens")
    assert rotated.derive("tokens", KEY.key_id) == KEY.derive("tokens")
    with pytest.raises(RootKeyError, match="not held"):
        KEY.derive("tokens", rotated.key_id)


def test_a_saved_key_is_private_and_loads_again(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "root.key"
    KEY.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert RootKey.load(f"file:{path}", {}).key_id == KEY.key_id


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "root.key"
    KEY.save(path)
    with pytest.raises(RootKeyError, match="never overwritten"):
        RootKey.generate().save(path)
    assert RootKey.load(f"file:{path}", {}).key_id == KEY.key_id


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o610])
def test_a_key_file_open_to_others_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "root.key"
    KEY.save(path)
    path.chmod(mode)
    with pytest.raises(RootKeyError, match="chmod 600"):
        RootKey.load(f"file:{path}", {})


def test_a_missing_key_says_that_its_backup_is_needed(tmp_path: Path) -> None:
    with pytest.raises(RootKeyError, match="backup"):
        RootKey.load(f"file:{tmp_path / 'none'}", {})


def test_a_key_comes_from_the_environment() -> None:
    assert RootKey.load("env:ROOT", {"ROOT": KEY.render()}).key_id == KEY.key_id
    with pytest.raises(RootKeyError, match="ROOT"):
        RootKey.load("env:ROOT", {})


@pytest.mark.parametrize(
    "text",
    ["", "changeme", "moorage-root-key-1:", "moorage-root-key-1:c2hvcnQ=", "moorage-root-key-1:!!", "\n\n"],
)
def test_an_unreadable_key_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(RootKeyError) as refused:
        RootKey.parse(text)
    assert "changeme" not in str(refused.value)


def test_a_key_does_not_show_itself() -> None:
    shown = repr(KEY)
    assert KEY.key_id in shown
    assert KEY.render().strip().removeprefix("moorage-root-key-1:") not in shown
