from __future__ import annotations

import argparse
import json
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from moorage.cli import options
from moorage.server.options import OPTIONS, Option
from moorage.server.quantities import parse_duration, parse_size
from moorage.server.settings import Address, Settings, SettingsError, SshAddress
from moorage.server.settings_load import load


@pytest.fixture(autouse=True)
def _no_settings_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("MOORAGE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))


def _refusal(**flags: object) -> str:
    with pytest.raises(SettingsError) as caught:
        load(flags)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_defaults_serve_https_on_loopback_and_nothing_else(tmp_path: Path) -> None:
    settings = load({})
    assert settings.https == Address("127.0.0.1", 8443)
    assert settings.http is None
    assert settings.data == tmp_path / "share/moorage"
    assert settings.database_url == f"sqlite:///{tmp_path}/share/moorage/moorage.db"
    assert settings.cache_size == 20 * 1024**3
    assert settings.git_password_lifetime == timedelta(minutes=15)


def test_a_flag_beats_the_environment_which_beats_the_file_which_beats_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "any.toml"
    file.write_text('region = "eu-west-1"\nworkers = 3\ncompat = "strict"\n')
    monkeypatch.setenv("MOORAGE_WORKERS", "4")
    monkeypatch.setenv("MOORAGE_REGION", "eu-west-2")
    settings = load({"region": "eu-west-3"}, config=str(file))
    assert (settings.region, settings.workers, settings.compat, settings.demo) == (
        "eu-west-3",
        4,
        "strict",
        False,
    )


def test_the_file_in_the_data_folder_is_read_without_being_named(tmp_path: Path) -> None:
    (tmp_path / "moorage.toml").write_text('domain = "AWS.localhost"\n')
    assert load({"data": str(tmp_path)}).domain == "aws.localhost"


def test_the_file_in_the_data_folder_cannot_move_the_data_folder(tmp_path: Path) -> None:
    (tmp_path / "moorage.toml").write_text('data = "/elsewhere"\n')
    assert "--data" in _refusal(data=str(tmp_path))


def test_the_environment_gives_several_values_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOORAGE_TRUSTED_PROXY", "10.0.0.1, 10.1.0.0/16")
    assert load({}).trusted_proxy == ("10.0.0.1/32", "10.1.0.0/16")


def test_ssh_addresses_come_with_a_region_or_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = (
        SshAddress(Address("127.0.0.1", 2222), "us-east-2"),
        SshAddress(Address("::1", 2223), None),
    )
    written = ["127.0.0.1:2222=us-east-2", "[::1]:2223"]
    assert load({"ssh": written}).ssh == expected
    assert [str(address) for address in expected] == written
    (tmp_path / "moorage.toml").write_text(f"ssh = {written}\n")
    assert load({"data": str(tmp_path)}).ssh == expected
    monkeypatch.setenv("MOORAGE_SSH", ", ".join(written))
    assert load({}).ssh == expected
    monkeypatch.delenv("MOORAGE_SSH")
    assert load({}).ssh == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("https", "8443"),
        ("https", "127.0.0.1:99999"),
        ("https", "::1:8443:x"),
        ("http", "nonsense"),
        ("domain", "a b"),
        ("domain", "-a.example"),
        ("public_url", "ftp://git.example.org"),
        ("public_url", "https://git.example.org/sub"),
        ("public_url", "https://u@git.example.org"),
        ("region", "nowhere"),
        ("extra_region", ["eu-west-1", "x"]),
        ("ssh", ["127.0.0.1"]),
        ("ssh", ["127.0.0.1:22=nowhere"]),
        ("ssh", ["127.0.0.1:2222", "127.0.0.1:2223="]),
        ("account_id", "123"),
        ("account_id", "١٢٣٤٥٦٧٨٩٠١٢"),
        ("database", "mysql://x"),
        ("blobs", "gopher://x"),
        ("root_key", "hunter2"),
        ("cache_size", "20 bananas"),
        ("cache_size", "1K"),
        ("workers", "0"),
        ("workers", "two"),
        ("compat", "loose"),
        ("git_password_lifetime", "1s"),
        ("git_password_lifetime", "2d"),
        ("trusted_proxy", ["proxy.example.org"]),
        ("log_format", "xml"),
        ("demo", "perhaps"),
        ("test_mode", "perhaps"),
    ],
)
def test_a_wrong_value_is_refused_in_one_line_with_setting_value_and_remedy(name: str, value: object) -> None:
    message = _refusal(**{name: value})
    option = next(option for option in OPTIONS if option.name == name)
    assert message.startswith(f"{option.flag}: ")
    assert repr(value) in message
    assert f"Write for example {option.example}." in message


def test_a_wrong_value_says_that_it_came_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOORAGE_WORKERS", "many")
    assert _refusal().startswith("--workers (from MOORAGE_WORKERS): 'many'")


def test_a_wrong_value_says_that_it_came_from_the_file(tmp_path: Path) -> None:
    (tmp_path / "moorage.toml").write_text("workers = 1000\n")
    assert f"(from workers in {tmp_path / 'moorage.toml'}): 1000 is not" in _refusal(data=str(tmp_path))


def test_an_unknown_key_in_the_file_is_refused_and_the_near_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "moorage.toml").write_text("worker = 2\n")
    message = _refusal(data=str(tmp_path))
    assert (
        message == f"worker in {tmp_path / 'moorage.toml'}: there is no such setting; did you mean workers?"
    )


def test_a_broken_file_is_refused_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "moorage.toml").write_text("workers = \n")
    assert "line 1" in _refusal(data=str(tmp_path))


def test_a_config_file_that_is_named_and_missing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOORAGE_CONFIG", "/nowhere.toml")
    assert _refusal().startswith("--config: '/nowhere.toml' is not a file.")


def test_plain_http_beyond_loopback_is_refused() -> None:
    assert _refusal(http="0.0.0.0:80").startswith("--http: 0.0.0.0:80 is not a loopback address")


def test_https_beyond_loopback_without_a_certificate_is_refused() -> None:
    assert "--tls-cert and --tls-key" in _refusal(https="0.0.0.0:8443")


def test_https_beyond_loopback_with_a_certificate_is_taken(tmp_path: Path) -> None:
    for name in ("cert", "key"):
        (tmp_path / name).write_text("")
    flags = {"https": "[::]:443", "tls_cert": str(tmp_path / "cert"), "tls_key": str(tmp_path / "key")}
    assert load(flags).https == Address("::", 443)


def test_a_certificate_without_its_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cert").write_text("")
    assert _refusal(tls_cert=str(tmp_path / "cert")).startswith("--tls-key: missing")


def test_a_certificate_that_is_not_there_is_refused() -> None:
    assert "'/nowhere/c'" in _refusal(tls_cert="/nowhere/c", tls_key="/nowhere/k")


def test_test_mode_stays_on_loopback_with_one_worker(tmp_path: Path) -> None:
    for name in ("cert", "key"):
        (tmp_path / name).write_text("")
    files = {"tls_cert": str(tmp_path / "cert"), "tls_key": str(tmp_path / "key")}
    assert "asks nobody for credentials" in _refusal(test_mode=True, https="0.0.0.0:1", **files)
    assert "--workers 2 is more than one" in _refusal(test_mode=True, workers=2)


def test_the_metrics_token_shows_itself_neither_in_the_settings_nor_in_a_refusal() -> None:
    token = "0123456789-secret"
    assert token not in repr(load({"metrics_token": token}))
    assert "short!" not in _refusal(metrics_token="short!")


def test_the_table_of_options_and_the_settings_agree() -> None:
    assert [option.name for option in OPTIONS] == list(Settings.model_fields)
    for option in OPTIONS:
        annotation = Settings.model_fields[option.name].annotation
        assert (annotation is bool) == (option.metavar is None)


def test_every_example_in_the_table_is_taken(tmp_path: Path) -> None:
    (tmp_path / "pem").write_text("")
    for option in OPTIONS:
        if option.name in {"tls_cert", "tls_key"}:
            continue
        value = (option.example,) if option.repeatable else option.example
        load({**_beside(option.name), option.name: value})


def _beside(name: str) -> dict[str, str]:
    """Return what a setting cannot be without."""
    if not name.startswith("events_webhook"):
        return {}
    pair = {"events_webhook": "https://ci.example.org", "events_webhook_secret": "s" * 16}
    return {other: value for other, value in pair.items() if other != name}


def _as_toml(option: Option) -> str:
    if option.metavar is None or option.name == "workers":
        return option.example  # a boolean, a number
    return json.dumps([option.example] if option.repeatable else option.example)


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_every_setting_is_a_flag_a_variable_and_a_key_of_the_file(
    option: Option, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = {}  # what this setting cannot be without
    if option.name in {"tls_cert", "tls_key"}:
        file = tmp_path / "pem"
        file.write_text("")
        option = replace(option, example=str(file))
        beside = {"tls_cert": str(file), "tls_key": str(file)}
        del beside[option.name]
    beside |= _beside(option.name)
    expected = getattr(load({**beside, option.name: option.example}), option.name)
    words = [option.flag] if option.metavar is None else [option.flag, option.example]
    parser = argparse.ArgumentParser()
    options.add(parser)
    assert getattr(load({**beside, **options.given(parser.parse_args(words))}), option.name) == expected
    with monkeypatch.context() as around:
        around.setenv(option.variable, option.example)
        assert getattr(load(beside), option.name) == expected
    config = tmp_path / "settings.toml"
    config.write_text(f"{option.name} = {_as_toml(option)}\n")
    assert getattr(load(beside, config=str(config)), option.name) == expected
    if option.name != "data":
        assert getattr(load({}), option.name) != expected or option.example == option.default


@pytest.mark.parametrize("name", ["database", "blobs", "public_url"])
def test_a_refused_url_does_not_show_its_password(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"MOORAGE_{name.upper()}", "mysql://somebody:hunter2@db.example.org/moorage")
    assert "'mysql://somebody:***@db.example.org/moorage' is not" in _refusal()


def test_a_refused_url_does_not_show_the_credentials_among_its_parameters() -> None:
    refusal = _refusal(blobs="s4://bucket?endpoint=https://s3.example.org&secret_access_key=hush&a=b")
    assert "'s4://bucket?endpoint=https://s3.example.org&secret_access_key=***&a=b' is not" in refusal
    assert "'s4://host:9000/bucket' is not" in _refusal(blobs="s4://host:9000/bucket")


def test_every_default_written_as_a_value_is_the_real_one() -> None:
    for option in OPTIONS:
        field = Settings.model_fields[option.name]
        if option.default == option.example and field.default is not None:
            assert getattr(load({option.name: option.default}), option.name) == field.default


@pytest.mark.parametrize(
    ("text", "size"), [("20G", 20 << 30), ("5 MiB", 5 << 20), ("7", 7), ("1tb", 1 << 40)]
)
def test_sizes_are_read_as_people_write_them(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15m", 900), ("4h", 14400), ("1d", 86400), ("5", 5)]
)
def test_durations_are_read_as_people_write_them(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)
