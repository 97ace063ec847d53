"""Serve the instance metadata of one machine until told to stop, beside the service itself."""

from __future__ import annotations

import asyncio
import secrets
import signal
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from moorage.auth.instance_credentials import (
    MACHINES,
    Instance,
    InstanceCredentials,
    NoProfile,
    NoRole,
    trusts_machines,
)
from moorage.core.clock import SystemClock
from moorage.core.secrets import Secret
from moorage.edge.imds import Door, MetadataApp
from moorage.server import installation, listeners
from moorage.server.first_start import StartRefused
from moorage.server.listeners import Listener
from moorage.server.settings import Address, ListenAddress
from moorage.storage import accounts

if TYPE_CHECKING:
    from moorage.crypto.root_key import RootKey
    from moorage.storage.database import Database


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks for; `account_id` None is the installation's first account."""

    profile: str
    account_id: str | None
    region: str
    listen: str
    allow_v1: bool


def serve(database: Database, root_key: RootKey, wanted: Wanted, tell: Callable[[str], None]) -> None:
    """Serve until SIGTERM or Ctrl-C; `tell` gets the lines to export once requests are taken.

    Raises:
        StartRefused: there is no such account or profile, or its role cannot be had.
        ListenError: the address cannot be listened on.
    """
    clock = SystemClock()
    instance = Instance(_account(database, wanted.account_id), wanted.profile, wanted.region)
    credentials = InstanceCredentials(database, root_key, clock, instance, secrets.token_bytes)
    _require_usable(credentials)
    address = _loopback(wanted.listen)
    bound = Listener("http", listeners.bind("--listen", address))
    door = Door(Secret(secrets.token_hex(32)), f"/v2/credentials/{uuid.uuid4()}", wanted.allow_v1)
    app = MetadataApp(credentials, clock, door, clock.now())
    base = f"http://{Address(address.host, bound.port)}"
    try:
        asyncio.run(_until_stopped(app, bound, lambda: tell(lines(base, door.container_path))))
    finally:
        bound.socket.close()


async def _until_stopped(app: MetadataApp, bound: Listener, on_ready: Callable[[], None]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await listeners.serve(app, [bound], stop=stop, on_ready=on_ready)


def lines(base: str, container_path: str) -> str:
    """Return what a shell is to evaluate, and nothing else."""
    # The slash at the end: AWS CLI 2.9 calls the endpoint invalid without it.
    return (
        f"export AWS_EC2_METADATA_SERVICE_ENDPOINT={base}/\n"
        f"export AWS_CONTAINER_CREDENTIALS_FULL_URI={base}{container_path}\n"
    )


def _account(database: Database, asked: str | None) -> str:
    with database.read() as connection:
        account_id = asked or installation.fact(connection, installation.DEFAULT_ACCOUNT) or ""
        found = accounts.find(connection, account_id)
    if found is None or found.state != accounts.ACTIVE:
        raise StartRefused(f"--account: there is no open account {account_id!r}. See `moorage account list`.")
    return account_id


def _require_usable(credentials: InstanceCredentials) -> None:
    name = credentials.instance.profile
    try:
        held = credentials.held()
    except NoProfile:
        raise StartRefused(
            f"--instance-profile: account {credentials.instance.account_id} has no profile {name!r}. "
            "See `aws iam list-instance-profiles`."
        ) from None
    except NoRole:
        raise StartRefused(
            f"--instance-profile: {name} holds no role. Put one in: aws iam add-role-to-instance-profile "
            f"--instance-profile-name {name} --role-name ROLE"
        ) from None
    if not trusts_machines(held):
        raise StartRefused(
            f"--instance-profile: {MACHINES} may not assume the role {held.role.name}. "
            'Let its trust policy allow sts:AssumeRole to {"Service": "ec2.amazonaws.com"}.'
        )


def _loopback(text: str) -> Address:
    try:
        address: Address = TypeAdapter(ListenAddress).validate_python(text)
    except ValidationError:
        raise StartRefused(f"--listen: {text!r} is not HOST:PORT, as 127.0.0.1:1338.") from None
    if not address.is_loopback:
        raise StartRefused(
            f"--listen: {address} is not a loopback address; whoever reaches it would get the role."
        )
    return address
