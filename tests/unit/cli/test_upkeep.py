"""verify, backup and restore, as an operator types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from moorage.cli.main import main
from moorage.core.clock import SystemClock
from moorage.server import first_start
from moorage.server.data_folder import DataFolder
from moorage.server.settings_load import load
from moorage.storage.database import Database


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder that was started once."""
    folder = tmp_path / "data"
    settings = load({"data": str(folder)})
    DataFolder(folder).make()
    database = Database.open(settings.database_url)
    first_start.prepare(settings, database, {}, SystemClock())
    database.close()
    return folder


def test_verify_says_that_all_is_well(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--data", str(data)]) == 0
    assert capsys.readouterr().out == "0 repositories checked: all is well\n"


def test_verify_refuses_a_folder_without_installation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["verify", "--data", str(tmp_path / "nothing")])
    assert "there is no installation in" in capsys.readouterr().err


def test_a_backup_is_restored_under_the_same_root_key(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["backup", "--data", str(data), str(tmp_path / "saved")]) == 0
    assert "The root key is not" in capsys.readouterr().out
    new = tmp_path / "new"
    DataFolder(new).make()
    (new / "root.key").write_bytes((data / "root.key").read_bytes())
    (new / "root.key").chmod(0o600)
    assert main(["restore", "--data", str(new), "--json", str(tmp_path / "saved")]) == 0
    assert json.loads(capsys.readouterr().out) == {"data": str(new), "blobs": 0}
    assert main(["account", "list", "--data", str(new)]) == 0
    listed = capsys.readouterr().out
    assert main(["account", "list", "--data", str(data)]) == 0
    assert capsys.readouterr().out == listed


def test_a_backup_is_not_restored_without_its_root_key(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["backup", "--data", str(data), str(tmp_path / "saved")])
    with pytest.raises(SystemExit):
        main(["restore", "--data", str(tmp_path / "new"), str(tmp_path / "saved")])
    assert "--root-key" in capsys.readouterr().err
    assert not (tmp_path / "new" / "moorage.db").exists()


def test_a_backup_is_not_restored_over_an_installation(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["backup", "--data", str(data), str(tmp_path / "saved")])
    with pytest.raises(SystemExit):
        main(["restore", "--data", str(data), str(tmp_path / "saved")])
    assert "Name an empty folder" in capsys.readouterr().err


def test_a_folder_that_is_no_backup_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "other").mkdir()
    with pytest.raises(SystemExit):
        main(["restore", "--data", str(tmp_path / "new"), str(tmp_path / "other")])
    assert "is not a finished backup" in capsys.readouterr().err
