from __future__ import annotations

import csv
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import select

from moorage.core.clock import SystemClock
from moorage.server import first_start
from moorage.server.data_folder import DataFolder, DataFolderError, FolderLock
from moorage.server.first_start import Installation, StartRefused
from moorage.server.settings import Settings
from moorage.server.settings_load import load
from moorage.storage import tables
from moorage.storage.database import Database

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = load({"data": str(tmp_path / "data")})
    DataFolder(settings.data).make()
    return settings


def _start(settings: Settings, environ: dict[str, str] | None = None) -> Installation:
    database = Database.open(settings.database_url)
    try:
        return first_start.prepare(settings, database, environ or {}, SystemClock())
    finally:
        database.close()


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_first_start_makes_an_account_and_writes_its_root_key_as_aws_does(settings: Settings) -> None:
    made = _start(settings).new_root
    assert made is not None
    path = settings.data / "root-credentials.csv"
    assert _mode(path) == 0o600
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["Access key ID", "Secret access key"],
        [made.access_key_id, made.secret_access_key.reveal()],
    ]
    assert len(made.account_id) == 12
    assert _mode(settings.data / "root.key") == 0o600


def test_a_second_start_finds_what_the_first_made(settings: Settings) -> None:
    first = _start(settings)
    written = (settings.data / "root-credentials.csv").read_bytes()
    second = _start(settings)
    assert second.new_root is None
    assert second.default_account == first.default_account
    assert second.root_key.key_id == first.root_key.key_id
    assert (settings.data / "root-credentials.csv").read_bytes() == written


def test_the_root_access_key_is_taken_from_the_environment_and_not_written_down(settings: Settings) -> None:
    environ = {
        first_start.ROOT_KEY_ID_VARIABLE: "AKIAIOSFODNN7EXAMPLE",
        first_start.ROOT_SECRET_VARIABLE: SECRET,
    }
    made = _start(settings, environ).new_root
    assert made is not None
    assert (made.access_key_id, made.secret_access_key.reveal()) == ("AKIAIOSFODNN7EXAMPLE", SECRET)
    assert not (settings.data / "root-credentials.csv").exists()


@pytest.mark.parametrize(
    "environ",
    [
        {first_start.ROOT_KEY_ID_VARIABLE: "AKIAIOSFODNN7EXAMPLE"},
        {first_start.ROOT_SECRET_VARIABLE: SECRET},
        {first_start.ROOT_KEY_ID_VARIABLE: "short", first_start.ROOT_SECRET_VARIABLE: SECRET},
        {first_start.ROOT_KEY_ID_VARIABLE: "AKIAIOSFODNN7EXAMPLE", first_start.ROOT_SECRET_VARIABLE: "a b"},
    ],
)
def test_a_root_access_key_half_given_or_malformed_is_refused_and_makes_nothing(
    settings: Settings, environ: dict[str, str]
) -> None:
    with pytest.raises(StartRefused) as caught:
        _start(settings, environ)
    assert SECRET not in str(caught.value)
    assert not (settings.data / "root.key").exists()


def test_the_account_id_can_be_chosen_once(settings: Settings) -> None:
    chosen = settings.model_copy(update={"account_id": "123456789012"})
    assert _start(chosen).default_account == "123456789012"
    assert _start(chosen).default_account == "123456789012"
    with pytest.raises(StartRefused, match="--account-id: '999999999999' is not"):
        _start(settings.model_copy(update={"account_id": "999999999999"}))


def test_data_without_its_root_key_is_not_served(settings: Settings) -> None:
    _start(settings)
    (settings.data / "root.key").unlink()
    with pytest.raises(StartRefused, match=r"--root-key: .*missing"):
        _start(settings)
    assert not (settings.data / "root.key").exists()


def test_data_with_another_root_key_is_not_served(settings: Settings, tmp_path: Path) -> None:
    _start(settings)
    other = load({"data": str(tmp_path / "other")})
    DataFolder(other.data).make()
    _start(other)
    (other.data / "root.key").replace(settings.data / "root.key")
    with pytest.raises(StartRefused, match="not the key that this data is sealed under"):
        _start(settings)


def test_a_root_key_others_may_read_is_refused(settings: Settings) -> None:
    _start(settings)
    (settings.data / "root.key").chmod(0o644)
    with pytest.raises(StartRefused, match="chmod 600"):
        _start(settings)


def test_a_root_key_from_a_variable_that_is_not_set_is_refused(settings: Settings) -> None:
    with pytest.raises(StartRefused, match=r"--root-key: .*NOWHERE"):
        _start(settings.model_copy(update={"root_key": "env:NOWHERE"}))


def test_a_first_start_that_died_before_its_commit_is_begun_again(settings: Settings) -> None:
    (settings.data / "root-credentials.csv").write_text("left by the one that died")
    first = _start(settings)
    assert first.new_root is not None
    assert first.new_root.access_key_id in (settings.data / "root-credentials.csv").read_text()
    database = Database.open(settings.database_url)
    with database.read() as connection:
        assert len(connection.execute(select(tables.accounts)).all()) == 1
    database.close()


def test_a_region_of_another_partition_is_refused_once_the_account_is_made(settings: Settings) -> None:
    _start(settings)
    with pytest.raises(StartRefused, match="--region: 'cn-north-1'"):
        _start(settings.model_copy(update={"region": "cn-north-1"}))


def test_the_metrics_token_is_made_once_and_private(settings: Settings) -> None:
    token = first_start.ensure_metrics_token(settings)
    assert first_start.ensure_metrics_token(settings) == token
    assert len(token) > 30
    assert _mode(settings.data / "metrics-token") == 0o600


def test_the_data_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    DataFolder(tmp_path / "a/b").make()
    assert _mode(tmp_path / "a/b") == 0o700


def test_an_empty_folder_open_to_others_is_closed_to_them(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o755)
    DataFolder(tmp_path / "data").make()
    assert _mode(tmp_path / "data") == 0o700


def test_a_folder_with_others_files_is_not_taken_over(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o755)
    (tmp_path / "data/letters").write_text("")
    with pytest.raises(DataFolderError, match="chmod 700"):
        DataFolder(tmp_path / "data").make()
    assert _mode(tmp_path / "data") == 0o755


def test_a_file_is_no_data_folder(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(DataFolderError, match="not a folder"):
        DataFolder(tmp_path / "data").make()


def test_a_second_service_is_kept_out_and_told_who_is_in(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    folder.make()
    lock = FolderLock.take(folder)
    with pytest.raises(DataFolderError, match=f"process {os.getpid()}"):
        FolderLock.take(folder)
    lock.release()
    FolderLock.take(folder).release()


def test_the_lock_of_a_process_that_died_is_free(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    folder.make()
    program = (
        "import os, sys, pathlib\n"
        "from moorage.server.data_folder import DataFolder, FolderLock\n"
        "lock = FolderLock.take(DataFolder(pathlib.Path(sys.argv[1])))\n"
        "os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(folder.root)], check=False)
    FolderLock.take(folder).release()
