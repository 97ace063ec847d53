"""A service in a thread, and what its clients need to know."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import ssl
import tempfile
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import uvloop

from moorage.server import logs, service
from moorage.server.service import Prepared
from moorage.server.settings_load import of

# The account that mocks of AWS use too, so that ARNs written into tests stay right.
ACCOUNT_ID = "123456789012"
# Known on purpose: they open nothing but test servers on this machine.
ROOT_ACCESS_KEY_ID = "AKIAMOORAGETESTROOT1"
ROOT_SECRET_ACCESS_KEY = "moorage/test/root/secret+access+key+0001"

READY_SECONDS = 30.0
STOP_SECONDS = 35.0
_HELPER = "!aws codecommit credential-helper $@"

# What leads the AWS CLI away from what `Server.environment` says.
_ELSEWHERE = {
    *("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN"),
    *("AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"),
}


@dataclass(frozen=True, slots=True)
class Server:
    """A running service. The root user's access key is the one of the account `account_id`."""

    endpoint_url: str  # https://localhost:PORT, for SDKs and --endpoint-url
    port: int
    domain: str
    region: str
    account_id: str
    access_key_id: str
    secret_access_key: str
    ca_file: Path
    data: Path

    def clone_url(self, name: str, region: str | None = None) -> str:
        """Return a repository's clone URL, whose host names its region."""
        return f"https://git-codecommit.{region or self.region}.{self.domain}:{self.port}/v1/repos/{name}"

    def environment(self, base: Mapping[str, str] | None = None, region: str | None = None) -> dict[str, str]:
        """Return an environment for child processes that run `aws` and `git` as the root user.

        It is `base` (by default this process's own) with certificates, endpoint, credentials and
        Git's credential helper replaced; the helper needs `aws` on PATH.
        """
        made = dict(os.environ if base is None else base)
        for name in [name for name in made if name in _ELSEWHERE or name.startswith("AWS_ENDPOINT_URL_")]:
            del made[name]
        for name in ("NO_PROXY", "no_proxy"):
            made[name] = f"localhost,{made.get(name, '')}"
        made |= {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_REGION": region or self.region,
            "AWS_DEFAULT_REGION": region or self.region,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_CA_BUNDLE": str(self.ca_file),
            "AWS_EC2_METADATA_DISABLED": "true",
            "GIT_SSL_CAINFO": str(self.ca_file),
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_CONFIG_COUNT": "3",
            "GIT_CONFIG_KEY_0": "credential.helper",
            "GIT_CONFIG_VALUE_0": "",
            "GIT_CONFIG_KEY_1": "credential.helper",
            "GIT_CONFIG_VALUE_1": _HELPER,
            "GIT_CONFIG_KEY_2": "credential.UseHttpPath",
            "GIT_CONFIG_VALUE_2": "true",
        }
        return made

    def boto3_arguments(self, region: str | None = None) -> dict[str, Any]:
        """Return what `boto3.client(SERVICE, **…)` needs to come here as the root user."""
        return {
            "region_name": region or self.region,
            "endpoint_url": self.endpoint_url,
            "verify": str(self.ca_file),
            "aws_access_key_id": self.access_key_id,
            "aws_secret_access_key": self.secret_access_key,
        }

    def reset(self) -> None:
        """Empty the account, remove all others, all repositories and the clock's shift."""
        self._post("/_moorage/reset", b"")

    def shift_clock(self, shift: timedelta) -> datetime:
        """Set the service's clock to the real time plus `shift`; return what it now tells."""
        body = json.dumps({"shiftSeconds": shift.total_seconds()}).encode()
        return datetime.fromisoformat(json.loads(self._post("/_moorage/clock", body))["now"])

    def _post(self, path: str, body: bytes) -> bytes:
        request = urllib.request.Request(  # noqa: S310 -- an https URL of our own
            self.endpoint_url + path, data=body, headers={"X-Moorage-Test": "1"}, method="POST"
        )
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=str(self.ca_file))),
        )
        with opener.open(request, timeout=READY_SECONDS) as answer:
            content: bytes = answer.read()
        return content


@contextlib.contextmanager
def server(region: str = "us-east-1", **settings: object) -> Iterator[Server]:
    """Serve until the block ends.

    `settings` are those of `moorage serve`, by their TOML names, as `compat="strict"`. Ports, data
    folder, account and root access key are chosen here; the data folder is removed at the end.
    """
    with tempfile.TemporaryDirectory(prefix="moorage-test-") as folder:
        data = Path(folder) / "data"
        shutil.copytree(_template(), data, ignore=shutil.ignore_patterns("lock"))
        flags = {**_flags(data), "region": region, **settings}
        running = _Running(service.prepare(of(flags), _root_access_key()))
        try:
            yield running.start()
        finally:
            running.stop()


class _Running:
    """The thread that serves."""

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="moorage", daemon=True)

    def start(self) -> Server:
        logs.adopt_standard_logging()
        self._thread.start()
        if not self._ready.wait(READY_SECONDS):
            raise TimeoutError(f"moorage was not ready within {READY_SECONDS:.0f} seconds")
        if self._failure is not None:
            raise RuntimeError("moorage could not be started") from self._failure
        prepared = self._prepared
        return Server(
            endpoint_url=prepared.place.endpoints.api,
            port=prepared.place.endpoints.https_port,
            domain=prepared.settings.domain,
            region=prepared.settings.region,
            account_id=prepared.installation.default_account,
            access_key_id=ROOT_ACCESS_KEY_ID,
            secret_access_key=ROOT_SECRET_ACCESS_KEY,
            ca_file=prepared.settings.data / "ca.pem",
            data=prepared.settings.data,
        )

    def stop(self) -> None:
        if self._loop is not None and self._stop is not None:
            with contextlib.suppress(RuntimeError):  # the loop ended by itself
                self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(STOP_SECONDS)
        self._prepared.close_sockets()
        self._prepared.lock.release()

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._main())
        except BaseException as error:  # noqa: BLE001 -- told to whoever waits for the start
            self._failure = error
        finally:
            self._ready.set()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        await service.serve(self._prepared, self._stop, self._ready.set)


@cache
def _template() -> Path:
    """Make, once a process, the data folder that every server starts from a copy of."""
    folder = tempfile.TemporaryDirectory(prefix="moorage-template-")
    _kept.append(folder)
    data = Path(folder.name) / "data"
    prepared = service.prepare(of(_flags(data)), _root_access_key())
    prepared.close_sockets()
    prepared.lock.release()
    return data


# Held until the process ends, which removes them.
_kept: list[tempfile.TemporaryDirectory[str]] = []


def _flags(data: Path) -> dict[str, object]:
    return {"data": str(data), "https": "127.0.0.1:0", "account_id": ACCOUNT_ID, "test_mode": True}


def _root_access_key() -> dict[str, str]:
    return {
        "MOORAGE_ROOT_ACCESS_KEY_ID": ROOT_ACCESS_KEY_ID,
        "MOORAGE_ROOT_SECRET_ACCESS_KEY": ROOT_SECRET_ACCESS_KEY,
    }
