"""What the first start makes and every later one finds: root key, account, root user's access key.

The order makes a crash harmless: the root key is on disk before anything is sealed under it, and
the credentials file is written before the transaction that makes them valid.
"""

from __future__ import annotations

import base64
import contextlib
import csv
import io
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from moorage.core.arn import partition_of
from moorage.core.clock import Clock, milliseconds
from moorage.core.secrets import Secret
from moorage.crypto.envelope import OpenFailed
from moorage.crypto.root_key import RootKey, RootKeyError
from moorage.server import installation
from moorage.server.data_folder import DataFolder
from moorage.server.local_ca import write_private
from moorage.server.root_key_source import RootKeySource, unwrapped
from moorage.storage import accounts

if TYPE_CHECKING:
    from moorage.server.settings import Settings
    from moorage.storage.database import Database

ROOT_KEY_ID_VARIABLE = "MOORAGE_ROOT_ACCESS_KEY_ID"
ROOT_SECRET_VARIABLE = "MOORAGE_ROOT_SECRET_ACCESS_KEY"

CHECK_CONTEXT = "installation/root_key_check"
_CHECK_TEXT = b"moorage"
_ACCESS_KEY_ID = re.compile(r"[A-Z0-9]{16,128}")
_SECRET = re.compile(r"[A-Za-z0-9/+=_-]{16,128}")


class StartRefused(Exception):
    """The service must not start; the text is one line that says why and what to do."""


@dataclass(frozen=True, slots=True)
class Installation:
    """What a start found or made. `new_root` is set on the first start only."""

    root_key: RootKey
    default_account: str
    new_root: accounts.NewAccount | None = None


def prepare(settings: Settings, database: Database, environ: Mapping[str, str], clock: Clock) -> Installation:
    """Return the installation, making on an empty database what is missing. The lock is held.

    Raises:
        StartRefused: the root key is missing or another one, or a setting contradicts the data.
    """
    database.migrate()
    found = _find(settings, database, environ)
    if found is None:
        with _naming_root_key():
            return _first(settings, database, environ, clock)
    _require_same_account(settings, database, found.default_account)
    return found


def find(settings: Settings, database: Database, environ: Mapping[str, str]) -> Installation:
    """Return an installation made before.

    Raises:
        StartRefused: there is none, or the root key is missing or another one.
    """
    found = _find(settings, database, environ)
    if found is None:
        raise StartRefused(
            "--data: the service has not been started here yet. Start it once with `moorage serve`."
        )
    return found


def _find(settings: Settings, database: Database, environ: Mapping[str, str]) -> Installation | None:
    with database.read() as connection:
        account_id = installation.fact(connection, installation.DEFAULT_ACCOUNT)
        check = installation.fact(connection, installation.ROOT_KEY_CHECK)
    if account_id is None or check is None:
        return None
    with _naming_root_key():
        root_key = root_key_source(settings, database, environ).load()
    _require_same_root_key(root_key, check, settings)
    return Installation(root_key, account_id)


def root_key_source(settings: Settings, database: Database, environ: Mapping[str, str]) -> RootKeySource:
    """Return where the settings say that the root key is."""
    return RootKeySource(settings.root_key_source, environ, database)


def require_root_key(
    settings: Settings, environ: Mapping[str, str], check: str, wrapped: str | None = None
) -> None:
    """Refuse unless the root key is there and `check`, an installation's fact, was sealed under it.

    `wrapped` is the fact of an installation whose root key another KMS keeps wrapped.

    Raises:
        StartRefused: the root key is missing or another one.
    """
    with _naming_root_key():
        if settings.root_key_source.startswith("kms:"):
            root_key = unwrapped(settings.root_key_source, wrapped)
        else:
            root_key = RootKey.load(settings.root_key_source, environ)
    _require_same_root_key(root_key, check, settings)


@contextlib.contextmanager
def _naming_root_key() -> Iterator[None]:
    try:
        yield
    except RootKeyError as error:
        raise StartRefused(f"--root-key: {error}") from None


def _first(settings: Settings, database: Database, environ: Mapping[str, str], clock: Clock) -> Installation:
    chosen = chosen_root_access_key(environ)
    root_key = root_key_source(settings, database, environ).load_or_make()
    folder = DataFolder(settings.data)
    with database.write() as connection:
        made = accounts.create(
            connection,
            root_key,
            name="default",
            partition=partition_of(settings.region),
            now_ms=milliseconds(clock.now()),
            account_id=settings.account_id,
            root_access_key=chosen,
        )
        installation.set_fact(connection, installation.DEFAULT_ACCOUNT, made.account_id)
        sealed = root_key.seal(_CHECK_TEXT, CHECK_CONTEXT)
        installation.set_fact(connection, installation.ROOT_KEY_CHECK, base64.b64encode(sealed).decode())
        if chosen is None:
            write_private(folder.root_credentials, credentials_csv(made).encode())
    return Installation(root_key, made.account_id, made)


def chosen_root_access_key(environ: Mapping[str, str]) -> tuple[str, Secret] | None:
    """Return the root user's access key that the environment chooses, None where it chooses none.

    Raises:
        StartRefused: it is half given or malformed.
    """
    key_id, secret = environ.get(ROOT_KEY_ID_VARIABLE), environ.get(ROOT_SECRET_VARIABLE)
    if not key_id and not secret:
        return None
    if not key_id or not secret:
        missing = ROOT_SECRET_VARIABLE if key_id else ROOT_KEY_ID_VARIABLE
        raise StartRefused(f"{missing}: missing; the root user's key id and secret are given together.")
    if _ACCESS_KEY_ID.fullmatch(key_id) is None:
        raise StartRefused(
            f"{ROOT_KEY_ID_VARIABLE}: {key_id!r} is not an access key id. "
            "Give 16 to 128 capital letters and digits."
        )
    if _SECRET.fullmatch(secret) is None:
        raise StartRefused(
            f"{ROOT_SECRET_VARIABLE}: its value is not a secret access key. "
            "Give 16 to 128 letters, digits and / + = _ -."
        )
    return key_id, Secret(secret)


def credentials_csv(account: accounts.NewAccount) -> str:
    """Return an access key as AWS's console hands it out, a CSV file with its header line."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["Access key ID", "Secret access key"])
    writer.writerow([account.access_key_id, account.secret_access_key.reveal()])
    return text.getvalue()


def ensure_metrics_token(settings: Settings) -> str:
    """Return the token that /metrics asks for, making its file where it is missing."""
    if settings.metrics_token is not None:
        return settings.metrics_token
    path = DataFolder(settings.data).metrics_token
    if not path.exists():
        write_private(path, f"{secrets.token_urlsafe(32)}\n".encode())
    return path.read_text(encoding="ascii").strip()


def _require_same_root_key(root_key: RootKey, check: str, settings: Settings) -> None:
    try:
        root_key.open(base64.b64decode(check), CHECK_CONTEXT)
    except OpenFailed:
        raise StartRefused(
            f"--root-key: {settings.root_key_source} is not the key that this data is sealed under. "
            "Restore the right key from its backup."
        ) from None


def _require_same_account(settings: Settings, database: Database, account_id: str) -> None:
    if settings.account_id not in {None, account_id}:
        raise StartRefused(
            f"--account-id: '{settings.account_id}' is not this installation's first account, which is "
            f"{account_id}. Leave the setting out, or use `moorage account create` for another account."
        )
    with database.read() as connection:
        account = accounts.find(connection, account_id)
    assert account is not None, "the default account's row is never deleted"
    if partition_of(settings.region) != account.partition:
        raise StartRefused(
            f"--region: '{settings.region}' is not in the partition of account {account_id}, which is "
            f"{account.partition}. Choose a region of that partition."
        )
