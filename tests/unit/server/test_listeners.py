from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from moorage.server import listeners, local_ca
from moorage.server.listeners import ListenError, TlsContext
from moorage.server.local_ca import TlsFiles
from moorage.server.settings import Address


def _files(folder: Path) -> TlsFiles:
    folder.mkdir(exist_ok=True)
    return local_ca.ensure(folder, "amazonaws.com.localhost", ["us-east-2"], datetime.now(UTC))


def test_a_taken_address_is_refused_with_the_settings_name() -> None:
    first = listeners.bind("--https", Address("127.0.0.1", 0))
    port = first.getsockname()[1]
    with pytest.raises(ListenError, match=f"--https: cannot listen on 127.0.0.1:{port}: "):
        listeners.bind("--https", Address("127.0.0.1", port))
    first.close()


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(ListenError, match=r"--http: cannot listen on 192\.0\.2\.1:8080"):
        listeners.bind("--http", Address("192.0.2.1", 8080))


def test_ipv6_is_listened_on() -> None:
    made = listeners.bind("--https", Address("::1", 0))
    assert made.getsockname()[0] == "::1"
    made.close()


def test_a_certificate_with_anothers_key_is_refused_at_the_start(tmp_path: Path) -> None:
    one, other = _files(tmp_path / "one"), _files(tmp_path / "other")
    with pytest.raises(ListenError, match="--tls-cert, --tls-key"):
        TlsContext(one.certificate, other.key)


def test_a_renewed_certificate_is_taken_up_and_half_a_pair_is_not(tmp_path: Path) -> None:
    files, renewed = _files(tmp_path / "one"), _files(tmp_path / "two")
    context = TlsContext(files.certificate, files.key)
    before = context.loaded
    renewed.certificate.replace(files.certificate)
    _touch(files.certificate)
    context.reload()
    assert context.loaded == before
    renewed.key.replace(files.key)
    _touch(files.key)
    context.reload()
    assert context.loaded > before


def _touch(path: Path) -> None:
    # Two files made within one tick of the file system's clock look unchanged.
    later = path.stat().st_mtime_ns + 1_000_000
    os.utime(path, ns=(later, later))
