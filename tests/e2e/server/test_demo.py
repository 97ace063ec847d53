"""The lines that `--demo` prints work as printed, also where other certificates and keys are preset."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from service_process import Service, serving

CERTIFICATE_VARIABLES = (
    "GIT_SSL_CAINFO",
    "AWS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
)


def _lines(service: Service) -> str:
    said = service.log
    return (
        said[said.index("\nexport ") : said.index("--endpoint-url")] + f"--endpoint-url {service.endpoint}\n"
    )


def _paste(lines: str, folder: Path, *, preset: bool) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(folder),
    }
    if preset:
        environment |= dict.fromkeys(CERTIFICATE_VARIABLES, "/etc/ssl/certs/ca-certificates.crt")
        environment |= {
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "of another account",
            "AWS_DEFAULT_REGION": "eu-west-1",
        }
    return subprocess.run(
        ["sh", "-euc", lines], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("preset", [False, True], ids=["nothing preset", "much preset"])
def test_the_printed_lines_clone_the_sample_and_call_the_api(tmp_path: Path, preset: bool) -> None:
    with serving(tmp_path, "--demo") as service:
        home = tmp_path / "home"
        home.mkdir()
        done = _paste(_lines(service), home, preset=preset)
        assert done.returncode == 0, done.stderr
        assert '"repositoryName": "MyDemoRepo"' in done.stdout
        clone = home / "MyDemoRepo"
        assert (clone / "README.md").exists()
        log = subprocess.run(
            ["git", "-C", clone, "log", "--format=%s"], capture_output=True, text=True, check=True
        )
        assert len(log.stdout.splitlines()) == 3
        push = "cd MyDemoRepo && git push -q origin HEAD:refs/heads/mine"
        pushed = _paste(_lines(service).partition("git clone")[0] + push, home, preset=preset)
        assert pushed.returncode == 0, pushed.stderr
        assert not (home / ".aws").exists()
        assert not (home / ".gitconfig").exists()


def test_a_second_demo_keeps_what_the_first_made_and_mends_what_is_gone(tmp_path: Path) -> None:
    with serving(tmp_path, "--demo") as service:
        credentials = service.data / "demo/credentials"
        before = credentials.read_text()
        service.stop()
        service.restart()
        assert credentials.read_text() == before
        service.stop()
        credentials.unlink()
        service.restart()
        assert credentials.read_text() != before
        keys = service.client("iam").list_access_keys(UserName="demo")["AccessKeyMetadata"]
        assert len(keys) == 1


def test_the_demo_works_with_two_workers(tmp_path: Path) -> None:
    with serving(tmp_path, "--demo", "--workers", "2") as service:
        found = service.client("codecommit").get_repository(repositoryName="MyDemoRepo")
        assert found["repositoryMetadata"]["defaultBranch"] == "main"
