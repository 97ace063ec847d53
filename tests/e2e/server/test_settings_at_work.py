"""Settings that a running service must be seen to obey, given as flags, variables and a file."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from attacker import Attacker, basic
from git_attacks import ZERO, a_commit_with, command, pkt, report
from moorage.core import sigv4
from moorage.crypto.root_key import RootKey
from moorage.server import local_ca
from person import VENV_BIN
from service_process import Service, free_port, serving

TIP, PACK = a_commit_with()
PUSH = command(ZERO, TIP, b"refs/heads/main", first=True) + b"0000" + PACK
CLONE = pkt(f"want {TIP}\n".encode()) + b"0000" + pkt(b"done\n")
ADVERTISEMENT = "/v1/repos/a/info/refs?service=git-upload-pack"


def push_and_clone(service: Service) -> None:
    service.create_repository("a")
    attacker = Attacker(service)
    assert "ok refs/heads/main" in report(attacker.push("a", PUSH))
    cloned = attacker.git("a", "git-upload-pack", CLONE)
    assert b"PACK" in cloned.body


def test_rows_blobs_cache_and_root_key_are_where_the_settings_say(tmp_path: Path) -> None:
    truth = ("--database", f"sqlite:///{tmp_path}/rows/m.db", "--blobs", f"file://{tmp_path}/kept")
    places = (*truth, "--cache", str(tmp_path / "fast"), "--root-key", "env:THE_KEY")
    (tmp_path / "rows").mkdir(mode=0o700)
    with serving(tmp_path, *places, environment={"THE_KEY": RootKey.generate().render()}) as service:
        push_and_clone(service)
        assert (tmp_path / "rows" / "m.db").stat().st_size > 0
        assert len(list((tmp_path / "kept").rglob("*.pack"))) == 1
        assert len(list((tmp_path / "fast").rglob("*.pack"))) == 1
        made = {path.name for path in service.data.iterdir()}
        assert made.isdisjoint({"moorage.db", "blobs", "cache", "root.key"})
        assert service.stop() == 0
        service.restart()
        assert b"PACK" in Attacker(service).git("a", "git-upload-pack", CLONE).body


def test_variables_and_the_file_in_the_data_folder_are_obeyed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "moorage.toml").write_text('domain = "git.localhost"\nregion = "eu-west-1"\n')
    with serving(tmp_path, environment={"MOORAGE_REGION": "eu-west-3"}) as service:
        made = service.client("codecommit").create_repository(repositoryName="a")["repositoryMetadata"]
        host = "git-codecommit.us-east-2.git.localhost"
        assert made["cloneUrlHttp"] == f"https://{host}:{service.port}/v1/repos/a"
        password = sigv4.git_password(
            host, "/v1/repos/a", secret=service.secret, region="us-east-2", now=datetime.now(UTC)
        )
        login = basic(service.key_id, password)
        answer = Attacker(service).ask("GET", ADVERTISEMENT, [login], host=f"{host}:{service.port}")
        assert answer.status == 200
        assert b"eu-west-3" in Attacker(service).ask("GET", "/").body


def test_a_git_password_lives_as_long_as_the_setting_says(tmp_path: Path) -> None:
    with serving(tmp_path, "--git-password-lifetime", "1h") as service:
        service.create_repository("a")
        attacker = Attacker(service)
        for minutes, status in ((58, 200), (-58, 200), (62, 401), (-62, 401)):
            login = attacker.password("/v1/repos/a", at=datetime.now(UTC) - timedelta(minutes=minutes))
            assert attacker.ask("GET", ADVERTISEMENT, [login], host=attacker.git_host()).status == status


def test_a_certificate_of_ones_own_is_served_and_none_is_made(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir(mode=0o700)
    own = local_ca.ensure(tmp_path / "own", "amazonaws.com.localhost", ["us-east-2"], datetime.now(UTC))
    assert own.ca is not None
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "moorage.toml").write_text(f'tls_cert = "{own.certificate}"\ntls_key = "{own.key}"\n')
    (data / "ca.pem").write_bytes(own.ca.read_bytes())  # where the tests look for whom to trust
    with serving(tmp_path) as service:
        push_and_clone(service)
        assert not (data / "server.pem").exists()


@pytest.mark.parametrize("variable", ["MOORAGE_HTTPS", "MOORAGE_HTTP"])
def test_a_wrong_variable_ends_the_start_with_its_name(tmp_path: Path, variable: str) -> None:
    done = subprocess.run(
        [VENV_BIN / "moorage", "serve", "--data", tmp_path / "data"],
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), variable: "nonsense"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(
        f"moorage serve: --{variable.removeprefix('MOORAGE_').lower()} (from {variable})"
    )
    assert done.stderr.count("\n") == 1


def shown_on_a_terminal(data: Path, port: int, *arguments: str) -> str:
    """Return what `moorage serve` says at a terminal until it serves; then end it."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [VENV_BIN / "moorage", "serve", "--data", data, "--https", f"127.0.0.1:{port}", *arguments],
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "TERM": "dumb"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    try:
        return _read_until(ours, b"  root " if not (data / "moorage.db").exists() else b"  account ")
    finally:
        process.terminate()
        process.wait(20)
        os.close(ours)


def _read_until(terminal: int, word: bytes) -> str:
    said = b""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        # The announcement is written at once: half a second of silence after the word ends it.
        ready, _, _ = select.select([terminal], [], [], 0.5)
        if ready:
            said += os.read(terminal, 65536)
        elif word in said:
            break
    return said.decode()


def test_the_root_secret_is_shown_once_at_a_terminal_and_test_mode_is_said_loudly(tmp_path: Path) -> None:
    data, port = tmp_path / "data", free_port()
    first = shown_on_a_terminal(data, port, "--test-mode")
    _, secret = (data / "root-credentials.csv").read_text().split()[-1].split(",")
    assert re.search(rf"Secret access key +{re.escape(secret)}\s", first)
    assert "*** TEST MODE" in first
    second = shown_on_a_terminal(data, port)
    assert f"serves https://localhost:{port}" in second
    assert secret not in second
    assert "TEST MODE" not in second
