from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from sqlalchemy import select

from identities_at_hand import Installation
from moorage.crypto.envelope import OpenFailed
from moorage.crypto.root_key import RootKey
from moorage.server import ssh_host_keys
from moorage.storage import tables


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation.at(tmp_path)


def test_they_are_made_once_and_every_node_gets_the_same(installation: Installation) -> None:
    first = ssh_host_keys.ensure(installation.database, installation.root_key)
    second = ssh_host_keys.ensure(installation.database, installation.root_key)
    assert [key.kind for key in first] == ["ED25519", "RSA"]
    assert first == second


def test_they_are_sealed_under_the_root_key(installation: Installation) -> None:
    keys = ssh_host_keys.ensure(installation.database, installation.root_key)
    with installation.database.read() as connection:
        kept = connection.execute(select(tables.installation.c.value)).scalars().all()
    assert not any("PRIVATE" in value or keys[0].private[60:100] in value for value in kept)
    assert "PRIVATE" not in repr(keys)
    with pytest.raises(OpenFailed):
        ssh_host_keys.ensure(installation.database, RootKey(b"x" * 32))


def test_another_node_may_be_first(installation: Installation) -> None:
    theirs = ssh_host_keys._made(installation.database, installation.root_key)
    assert ssh_host_keys._made(installation.database, installation.root_key) == theirs


def test_after_a_rotation_they_are_sealed_again_and_stay(installation: Installation) -> None:
    keys = ssh_host_keys.ensure(installation.database, installation.root_key)
    rotated = installation.root_key.rotated()
    ssh_host_keys.reseal(installation.database, rotated)
    new_alone = RootKey.parse(rotated.render().splitlines()[0])
    assert ssh_host_keys.ensure(installation.database, new_alone) == keys


def test_without_any_there_is_nothing_to_seal_again(installation: Installation) -> None:
    ssh_host_keys.reseal(installation.database, installation.root_key.rotated())


@pytest.mark.needs("ssh")
def test_the_fingerprint_is_what_ssh_keygen_says(installation: Installation, tmp_path: Path) -> None:
    for key in ssh_host_keys.ensure(installation.database, installation.root_key):
        file = tmp_path / key.kind
        file.write_text(key.public)
        said = subprocess.run(["ssh-keygen", "-lf", file], check=True, capture_output=True, text=True).stdout
        assert key.fingerprint in said
        assert said.rstrip().endswith(f"({key.kind})")
