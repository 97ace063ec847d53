"""What moorage is compared with: nginx, fcgiwrap and stock `git http-backend`, set up as its manual tells.

Everything is in one private folder and on loopback: no file and no service of the machine is used.
Basic authentication by a password file, plain HTTP.
"""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from _measure import Account
from _repositories import Git

_USER = "bench"
_PASSWORD = "bench-password"
_WORKERS = 32  # more than ever ask at once, so that nobody waits for a free one
_READY_SECONDS = 10.0
_SBIN = "/usr/sbin:/usr/local/sbin"

# No temporary files for responses and no limit of bodies: what helps nginx is on.
_CONFIGURATION = """
daemon off;
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
{user}
events {{ worker_connections 512; }}
http {{
  access_log off;
  client_max_body_size 0;
  client_body_temp_path {folder}/bodies;
  fastcgi_temp_path {folder}/answers;
  proxy_temp_path {folder}/unused;
  uwsgi_temp_path {folder}/unused;
  scgi_temp_path {folder}/unused;
  fastcgi_max_temp_file_size 0;
  fastcgi_read_timeout 600;
  keepalive_requests 1000000;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      auth_basic git;
      auth_basic_user_file {folder}/htpasswd;
      fastcgi_pass unix:{folder}/fcgiwrap.socket;
      include /etc/nginx/fastcgi_params;
      fastcgi_param SCRIPT_FILENAME {backend};
      fastcgi_param GIT_PROJECT_ROOT {folder}/repositories;
      fastcgi_param GIT_HTTP_EXPORT_ALL 1;
      fastcgi_param PATH_INFO $uri;
      fastcgi_param REMOTE_USER $remote_user;
      fastcgi_param GIT_PROTOCOL $http_git_protocol;
    }}
  }}
}}
"""


@dataclass(frozen=True)
class Rival:
    """The running rival."""

    folder: Path
    port: int
    account: Account

    def add(self, git: Git, repository: Path, name: str) -> None:
        """Serve a copy of a bare repository."""
        target = self.folder / "repositories" / f"{name}.git"
        shutil.copytree(repository, target)
        git("config", "http.receivepack", "true", at=target)

    def path(self, name: str) -> str:
        return f"/{name}.git"

    def url(self, name: str) -> str:
        """Return a repository's URL, with user and password in it."""
        return f"http://{_USER}:{_PASSWORD}@127.0.0.1:{self.port}{self.path(name)}"

    def authorization(self, _name: str) -> str:
        """Return the value of the Authorization header."""
        return "Basic " + base64.b64encode(f"{_USER}:{_PASSWORD}".encode()).decode()


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Rival]:
    """Serve until the block ends."""
    folder.mkdir()
    (folder / "repositories").mkdir()
    port = free_port()
    hashed = subprocess.run(
        ["openssl", "passwd", "-apr1", _PASSWORD], capture_output=True, text=True, check=True
    ).stdout.strip()
    (folder / "htpasswd").write_text(f"{_USER}:{hashed}\n")
    exec_path = subprocess.run(
        ["git", "--exec-path"], capture_output=True, text=True, check=True
    ).stdout.strip()
    configuration = _CONFIGURATION.format(
        folder=folder,
        port=port,
        backend=f"{exec_path}/git-http-backend",
        user="user root;" if os.geteuid() == 0 else "",
    )
    (folder / "nginx.conf").write_text(configuration)
    home = folder / "home"
    home.mkdir()
    environment = {"PATH": f"{os.environ['PATH']}:{_SBIN}", "HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1"}
    with ExitStack() as stack:
        account = Account("rival")
        stack.callback(account.close)
        socket_path = folder / "fcgiwrap.socket"
        for command in (
            ["fcgiwrap", "-c", str(_WORKERS), "-s", f"unix:{socket_path}"],
            ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")],
        ):
            stack.enter_context(process(command, environment, account))
        wait_for(port)
        yield Rival(folder, port, account)


@contextlib.contextmanager
def process(
    command: list[str], environment: dict[str, str], account: Account, log: Path | None = None
) -> Iterator[None]:
    """Run a server for the block, its CPU on that account."""
    with (log or Path(os.devnull)).open("ab") as output:
        program = shutil.which(command[0], path=environment["PATH"])
        if program is None:
            raise SystemExit(f"{command[0]} is not installed; python3 dev.py bench installs what is needed")
        child = subprocess.Popen(
            account.command([program, *command[1:]]),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    account.roots.append(child.pid)
    try:
        yield
    finally:
        # Its whole group, which is its own: fcgiwrap leaves its children behind.
        os.killpg(child.pid, signal.SIGTERM)
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int) -> None:
    """Wait until somebody listens on a port of loopback."""
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)  # nginx tells nobody that it is ready but by answering
        else:
            return
