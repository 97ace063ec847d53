"""The settings of `moorage serve` and their types.

What each means is told in `moorage.server.options`; how they are found, and what a wrong one says,
in `moorage.server.settings_load`.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from moorage.crypto.root_key import RootKeyError
from moorage.server.external_kms import ExternalKms
from moorage.server.options import DEFAULT_DOMAIN
from moorage.server.quantities import parse_duration, parse_size


class SettingsError(Exception):
    """A setting is wrong; the text is one line that says which, and what to do."""


class Address(NamedTuple):
    """Where to listen. Port 0 takes a free one."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class SshAddress(NamedTuple):
    """Where to listen for SSH, and for which region: None for all of them."""

    address: Address
    region: str | None

    def __str__(self) -> str:
        return f"{self.address}={self.region}" if self.region else str(self.address)


_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_REGION = re.compile(r"[a-z]{2,10}(?:-[a-z0-9]{1,20}){1,4}-\d{1,2}")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,256}")


def _address(value: object) -> Address:
    if isinstance(value, Address):
        return value
    host, colon, port = str(value).rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError("not HOST:PORT")
    if ":" in host:
        ipaddress.IPv6Address(host)
    return Address(host, int(port))


def _ssh_addresses(value: object) -> object:
    """Take HOST:PORT[=REGION], several of them, or one text with commas."""
    several = _several(value)
    if not isinstance(several, (list, tuple)):
        return value  # pydantic says what it wants
    return tuple(each if isinstance(each, SshAddress) else _ssh_address(str(each)) for each in several)


def _ssh_address(text: str) -> SshAddress:
    where, equals, region = text.partition("=")
    if equals and _REGION.fullmatch(region) is None:
        raise ValueError("not a region name")
    return SshAddress(_address(where), region or None)


def _matching(pattern: re.Pattern[str]) -> AfterValidator:
    def check(value: str) -> str:
        if pattern.fullmatch(value) is None:
            raise ValueError("not of the form")
        return value

    return AfterValidator(check)


def _several(value: object) -> object:
    """Take a list, or one text with commas (how the environment gives several)."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _networks(value: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(str(ipaddress.ip_network(part, strict=False)) for part in value)


def _regions(value: tuple[str, ...]) -> tuple[str, ...]:
    if not all(_REGION.fullmatch(part) for part in value):
        raise ValueError("not a region name")
    return value


def _size(value: object) -> object:
    return parse_size(value) if isinstance(value, str) else value


def _duration(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


def _folder(value: Path) -> Path:
    return Path(os.path.abspath(value.expanduser()))  # noqa: PTH100 -- resolve() would follow links


def _url(schemes: tuple[str, ...]) -> AfterValidator:
    def check(value: str) -> str:
        if urlsplit(value).scheme not in schemes:
            raise ValueError("not such a URL")
        return value

    return AfterValidator(check)


def _public_url(value: str) -> str:
    parts = urlsplit(value)
    if not parts.hostname or parts.query or parts.fragment or parts.username is not None:
        raise ValueError("not a base URL")
    if parts.path not in {"", "/"}:  # Git passwords sign the path: no proxy may cut a piece off
        raise ValueError("has a path")
    _ = parts.port  # raises ValueError for a port that is none
    return value.rstrip("/")


def _root_key(value: str) -> str:
    kind, colon, rest = value.partition(":")
    if kind == "kms":
        try:
            ExternalKms.parse(value)
        except RootKeyError as error:
            raise ValueError("not such a source") from error
    elif not colon or kind not in {"file", "env"} or not rest:
        raise ValueError("not such a source")
    return value


def _webhook(value: str) -> str:
    parts = urlsplit(value)
    if not parts.hostname or parts.scheme not in {"http", "https"}:
        raise ValueError("not such a URL")
    # What crosses the network in clear, anybody on the way may read and play again.
    if parts.scheme == "http" and not Address(parts.hostname, 0).is_loopback:
        raise ValueError("not this machine")
    return value


def _aws_url(value: str) -> str:
    parts = urlsplit(value)
    if value != "aws" and (parts.scheme not in {"http", "https"} or not parts.hostname):
        raise ValueError("not such a URL")
    return value


def default_data(environ: Mapping[str, str]) -> Path:
    """Return the data folder used where none is named."""
    base = environ.get("XDG_DATA_HOME") or Path(environ.get("HOME") or "~").expanduser() / ".local/share"
    return Path(base) / "moorage"


Folder = Annotated[Path, AfterValidator(_folder)]
# A named tuple is to pydantic a list, which it would read from the environment as JSON.
ListenAddress = Annotated[Address, NoDecode, BeforeValidator(_address)]
AwsUrl = Annotated[str, AfterValidator(_aws_url)]
Domain = Annotated[str, BeforeValidator(lambda value: str(value).lower()), _matching(_DOMAIN)]


class Settings(BaseSettings):
    """All settings, checked. See `moorage.server.options` for what each means."""

    model_config = SettingsConfigDict(
        env_prefix="MOORAGE_", extra="forbid", frozen=True, env_ignore_empty=True
    )

    data: Folder = Field(default_factory=lambda: _folder(default_data(os.environ)))
    https: ListenAddress = Address("127.0.0.1", 8443)
    http: ListenAddress | None = None
    ssh: Annotated[tuple[SshAddress, ...], NoDecode, BeforeValidator(_ssh_addresses)] = ()
    tls_cert: Folder | None = None
    tls_key: Folder | None = None
    aws_names: bool = False
    domain: Domain = DEFAULT_DOMAIN
    public_url: Annotated[str, _url(("http", "https")), AfterValidator(_public_url)] | None = None
    region: Annotated[str, _matching(_REGION)] = "us-east-1"
    extra_region: Annotated[
        tuple[str, ...], NoDecode, BeforeValidator(_several), AfterValidator(_regions)
    ] = ()
    account_id: Annotated[str, _matching(re.compile(r"[0-9]{12}"))] | None = None
    database: Annotated[str, _url(("sqlite", "postgresql", "postgresql+psycopg"))] | None = None
    blobs: Annotated[str, _url(("file", "s3"))] | None = None
    root_key: Annotated[str, AfterValidator(_root_key)] | None = None
    cache: Folder | None = None
    cache_size: Annotated[int, BeforeValidator(_size), Field(ge=64 << 20)] = 20 << 30
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    compat: Literal["friendly", "strict"] = "friendly"
    guard_approvals: bool = False
    git_password_lifetime: Annotated[
        timedelta, BeforeValidator(_duration), Field(ge=timedelta(minutes=1), le=timedelta(hours=24))
    ] = timedelta(minutes=15)
    trusted_proxy: Annotated[
        tuple[str, ...], NoDecode, BeforeValidator(_several), AfterValidator(_networks)
    ] = ()
    issuer_network: Annotated[
        tuple[str, ...], NoDecode, BeforeValidator(_several), AfterValidator(_networks)
    ] = ()
    events_file: Folder | None = None
    events_webhook: Annotated[str, AfterValidator(_webhook)] | None = None
    events_webhook_secret: Annotated[str, _matching(_TOKEN)] | None = Field(default=None, repr=False)
    events_endpoint: AwsUrl | None = None
    events_source: Annotated[str, _matching(re.compile(r"[A-Za-z0-9._-]{1,256}"))] = "aws.codecommit"
    sns_endpoint: AwsUrl | None = None
    lambda_endpoint: AwsUrl | None = None
    metrics_token: Annotated[str, _matching(_TOKEN)] | None = Field(default=None, repr=False)
    log_format: Literal["json", "console"] | None = None
    demo: bool = False
    test_mode: bool = False

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @property
    def database_url(self) -> str:
        return self.database or f"sqlite:///{self.data / 'moorage.db'}"

    @property
    def blobs_url(self) -> str:
        return self.blobs or (self.data / "blobs").as_uri()

    @property
    def root_key_source(self) -> str:
        return self.root_key or f"file:{self.data / 'root.key'}"

    @property
    def cache_folder(self) -> Path:
        return self.cache or self.data / "cache"
