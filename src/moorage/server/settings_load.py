"""Find the settings: flag > environment > TOML file > default.

A wrong one fails at once, as `SettingsError`: one line that names the setting, the value and the
remedy.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from moorage.server.options import BY_NAME, Option
from moorage.server.settings import Settings, SettingsError, default_data

# A password before the host, and credentials among the parameters: of databases and stores.
_SECRETS_OF_URLS = re.compile(
    r"(?P<before>://[^/?#@:]*:)[^@]*(?=@)|(?i:(?P<name>[?&][^=&#]*(?:secret|token|password)[^=&#]*=))[^&#]*"
)


def load(flags: Mapping[str, object], *, config: str | None = None) -> Settings:
    """Return the settings from flags (only those given), the environment and the TOML file.

    `config` is the `--config` flag; without it MOORAGE_CONFIG, else DATA/moorage.toml if present.

    Raises:
        SettingsError: one of them is wrong; the text is the line to show.
    """
    path = _config_path(flags, config)
    table = _read_toml(path) if path else {}
    if path and not _was_named(config) and "data" in table:
        raise SettingsError(f"data in {path}: a file inside the data folder cannot move it; use --data.")

    class Configured(Settings):
        model_config = SettingsConfigDict(toml_file=path)

    return _checked(Configured, flags, table, path)


def of(values: Mapping[str, object]) -> Settings:
    """Return settings from these values alone, whatever the environment and any file say.

    Raises:
        SettingsError: one of them is wrong.
    """
    return _checked(_Alone, values, {}, None)


class _Alone(Settings):
    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)


def _checked(
    kind: type[Settings], flags: Mapping[str, object], table: Mapping[str, Any], path: Path | None
) -> Settings:
    try:
        settings = kind(**dict(flags))  # type: ignore[arg-type]  # pydantic checks each value
    except ValidationError as error:
        raise SettingsError(_first_sentence(error, flags, table, path)) from None
    _check_together(settings)
    return settings


def _was_named(config: str | None) -> bool:
    return bool(config or os.environ.get("MOORAGE_CONFIG"))


def _config_path(flags: Mapping[str, object], config: str | None) -> Path | None:
    named = config or os.environ.get("MOORAGE_CONFIG")
    if named:
        if not Path(named).is_file():
            raise SettingsError(
                f"--config: {named!r} is not a file. Name an existing TOML file or leave it out."
            )
        return Path(named)
    data = flags.get("data") or os.environ.get("MOORAGE_DATA") or default_data(os.environ)
    beside = Path(str(data)).expanduser() / "moorage.toml"
    return beside if beside.is_file() else None


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SettingsError(f"--config: {path} cannot be read as TOML: {reason}. Correct the file.") from None


def _first_sentence(
    error: ValidationError, flags: Mapping[str, object], table: Mapping[str, Any], path: Path | None
) -> str:
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0])
    option = BY_NAME.get(name)
    if option is None:
        near = difflib.get_close_matches(name, BY_NAME, 1)
        hint = f"did you mean {near[0]}?" if near else "see `moorage serve --help` for the settings."
        return f"{name} in {path}: there is no such setting; {hint}"
    value = _given(option, flags, table)
    return (
        f"{_place(option, flags, path)}: {value!r} is not {option.expects}. "
        f"Write for example {option.example}."
    )


def _place(option: Option, flags: Mapping[str, object], path: Path | None) -> str:
    if option.name in flags:
        return option.flag
    if option.variable in os.environ:
        return f"{option.flag} (from {option.variable})"
    return f"{option.flag} (from {option.name} in {path})"


def _given(option: Option, flags: Mapping[str, object], table: Mapping[str, Any]) -> object:
    if option.name in {"metrics_token", "events_webhook_secret"}:
        return "the value given"
    value = flags.get(option.name, os.environ.get(option.variable, table.get(option.name)))
    return _SECRETS_OF_URLS.sub(r"\g<before>\g<name>***", value) if isinstance(value, str) else value


def _check_together(settings: Settings) -> None:
    """Refuse settings that are right alone and wrong together."""
    if (settings.tls_cert is None) != (settings.tls_key is None):
        missing = "--tls-key" if settings.tls_key is None else "--tls-cert"
        raise SettingsError(f"{missing}: missing; a certificate and its key are given together.")
    for flag, path in (("--tls-cert", settings.tls_cert), ("--tls-key", settings.tls_key)):
        if path is not None and not (path.is_file() and os.access(path, os.R_OK)):
            raise SettingsError(f"{flag}: '{path}' is not a readable file. Give the path of a PEM file.")
    if settings.tls_cert is None and not settings.https.is_loopback:
        raise SettingsError(
            f"--https: {settings.https} is not a loopback address and there is no certificate for it. "
            "Give --tls-cert and --tls-key, or listen on 127.0.0.1."
        )
    if settings.http is not None and not settings.http.is_loopback:
        raise SettingsError(
            f"--http: {settings.http} is not a loopback address; passwords would cross the network in clear. "
            "Use --https there, or 127.0.0.1."
        )
    if (settings.events_webhook is None) != (settings.events_webhook_secret is None):
        missing = "--events-webhook-secret" if settings.events_webhook_secret is None else "--events-webhook"
        raise SettingsError(
            f"{missing}: missing; a webhook and the secret that signs for it are given together."
        )
    _check_test_mode(settings)


def _check_test_mode(settings: Settings) -> None:
    if not settings.test_mode:
        return
    if not settings.https.is_loopback:
        raise SettingsError(
            f"--test-mode: --https {settings.https} is not a loopback address, and test mode asks nobody for "
            "credentials. Listen on 127.0.0.1."
        )
    if settings.workers != 1:
        raise SettingsError(
            f"--test-mode: --workers {settings.workers} is more than one; its clock lives in one process. "
            "Use --workers 1."
        )
