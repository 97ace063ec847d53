"""What setup writes, from facts made up for the occasion: AWS's names, other systems, old gits."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from moorage.client import git_config
from moorage.client.discovery import Discovered
from moorage.client.git_config import Entry, Git
from moorage.client.machine import ThisMachine
from moorage.client.setup import facts as reading
from moorage.client.setup import plan as planning
from moorage.client.setup import target as targets
from moorage.client.setup.facts import Facts
from moorage.client.setup.plan import Choices
from moorage.client.setup.target import NotUnderstood

HELPER = "!/opt/bin/git-credential-moorage"
NEW = (2, 39, 5)
SERVER = Discovered(
    version="1.0",
    domain="example.org",
    default_region="eu-west-1",
    regions=("eu-west-1", "us-east-1"),
    endpoints=dict.fromkeys(("codecommit", "iam", "kms", "sts"), "https://git.example.org"),
    clone_url_prefixes={
        region: f"https://git-codecommit.{region}.example.org:8443/v1/repos/"
        for region in ("eu-west-1", "us-east-1")
    },
    ssh=(),
    ca=None,
    aws_names_ca=None,
)


def facts(text: str | None = None, version: tuple[int, ...] = NEW, **others: object) -> Facts:
    made = Facts(
        system="linux",
        environment={},
        git=Git("/usr/bin/git", version, "git version " + ".".join(map(str, version)), "/usr/lib/git-core"),
        entries=[],
        scope="global",
        file=Path("/home/mary/.gitconfig"),
        text=text,
        hosts_path=Path("/home/mary/.config/moorage/hosts"),
        hosts_text=None,
        aws_config=Path("/home/mary/.aws/config"),
        aws_config_text=None,
        aws=None,
        profiles=(reading.Profile("default", None, "keys"),),
        helper=HELPER,
    )
    return made._replace(**others)  # type: ignore[arg-type] # by name


def written(made: planning.Plan, name: str = ".gitconfig") -> str:
    return next(each.after for each in made.changes if each.path.name == name) or ""


def test_awss_own_names_are_set_up_without_asking_anybody() -> None:
    made = planning.plan(facts(), targets.of_aws(None, "eu-west-1", NEW), Choices(profile="a b"))
    assert written(made) == (
        '[credential "https://git-codecommit.*.amazonaws.com"]\n'
        "\thelper =\n"
        f"\thelper = {HELPER} --profile 'a b'\n"
        "\tuseHttpPath = true\n"
    )
    assert [each.path.name for each in made.changes] == [".gitconfig"]


@pytest.mark.parametrize(
    ("url", "section"),
    [
        (
            "https://git-codecommit.cn-north-1.amazonaws.com.cn/v1/repos/a",
            "https://git-codecommit.cn-north-1.amazonaws.com.cn",
        ),
        (
            "HTTPS://GIT-codecommit-fips.us-east-1.amazonaws.com:443",
            "https://git-codecommit-fips.us-east-1.amazonaws.com",
        ),
        (
            "codecommit::eu-west-1://dev@MyDemoRepo",
            "https://git-codecommit.eu-west-1.amazonaws.com",
        ),
        ("git-codecommit.eu-west-1.amazonaws.com", "https://git-codecommit.eu-west-1.amazonaws.com"),
    ],
)
def test_a_url_of_awss_gets_a_section_for_its_host(url: str, section: str) -> None:
    told = targets.asked(url)
    assert told.is_aws
    assert targets.of_aws(told, None, NEW).sections == (section,)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ssh://git-codecommit.us-east-1.amazonaws.com/v1/repos/a", "SSH"),
        ("APKA@git-codecommit.us-east-1.amazonaws.com:a", "SSH"),
        ("http://git.example.org/v1/repos/a", "in clear"),
        ("https://github.com/ann/a.git", "end in /v1/repos/NAME"),
        ("https://", "is no URL"),
        ("https://exa mple.org", "is no URL"),
        ("https://example.org/\x1b[31m", "is no URL"),
        ("ftp://example.org", "is no URL"),
        ("codecommit:us-east-1/a", "write codecommit::REGION"),
        ("codecommit::nowhere://a", "no region of AWS"),
    ],
)
def test_what_is_no_url_of_codecommits_is_refused_in_words(url: str, why: str) -> None:
    with pytest.raises(NotUnderstood, match=why) as told:
        targets.asked(url)
    assert "\x1b" not in str(told.value)


@pytest.mark.parametrize("region", ["bogus", "x/../y", "eu west-1", "eu-west-1\n", "*", "cn-north"])
def test_a_region_that_aws_has_not_is_refused_before_anything_is_written(region: str) -> None:
    with pytest.raises(NotUnderstood, match="is no region of AWS: say one by --region"):
        targets.of_aws(None, region, NEW)
    assert targets.of_aws(None, "cn-north-1", NEW).sections == ("https://git-codecommit.*.amazonaws.com.cn",)


def test_a_lookalike_of_awss_names_is_a_server_to_be_asked() -> None:
    for host in (
        "git-codecommit.us-east-1.amazonaws.com.evil.org",
        "git-codecommit.us-east-1.amazonaws.com:8443",
    ):
        assert not targets.asked(f"https://{host}/v1/repos/a").is_aws


def test_a_servers_url_brings_its_domains_names_and_the_hosts_file() -> None:
    told = targets.asked("https://git.example.org:9443/v1/repos/a")
    target = targets.of_server(told, SERVER, None, NEW)
    made = planning.plan(facts(), target, Choices(ca=Path("/etc/ca.pem")))
    text = written(made)
    for section in ("https://git-codecommit.*.example.org:8443", "https://git.example.org:9443"):
        assert f'[credential "{section}"]\n\thelper =\n\thelper = {HELPER}\n' in text
        assert f'[http "{section}"]\n\tsslCAInfo = /etc/ca.pem\n' in text
    assert written(made, "hosts") == "*.example.org:8443\ngit.example.org:9443 region=eu-west-1\n"
    old = targets.of_server(told, SERVER, "us-east-1", (2, 20))
    assert old.sections == (
        "https://git-codecommit.us-east-1.example.org:8443",
        "https://git.example.org:9443",
    )
    own = targets.asked("https://git-codecommit.us-east-1.example.org:8443/v1/repos/a")
    assert targets.of_server(own, SERVER, None, NEW).sections == (
        "https://git-codecommit.*.example.org:8443",
    )
    assert targets.of_server(own, SERVER, None, NEW).region == "us-east-1"


def test_our_section_comes_last_of_its_kind_and_narrower_ones_behind_it() -> None:
    host = "https://git-codecommit.eu-west-1.amazonaws.com"
    narrow = f'[credential "{host}/v1/repos/a"]\n\thelper =\n\thelper = mine\n\tuseHttpPath\n'
    start = f"[user]\n\tname = Ann\n{narrow}[credential]\n\thelper = store\n"
    target = targets.of_aws(targets.asked(host), None, NEW)
    text = written(planning.plan(facts(start), target, Choices()))
    assert text.index("store") < text.index(HELPER) < text.index("mine")
    assert text.endswith("\thelper = mine\n\tuseHttpPath\n")
    assert planning.plan(facts(text), target, Choices()).changes == []
    entries = [
        Entry("global", None, 0, f"{line.section}.{line.key}", line.value or "")
        for line in git_config.lines_of(text)
        if line.key
    ]
    for name, helper in (("a", "mine"), ("b", HELPER)):
        helpers = git_config.helpers_for(entries, f"{host}/v1/repos/{name}")
        assert [each.value for each in helpers] == [helper]


def test_an_include_behind_the_section_cannot_bring_a_helper_first() -> None:
    start = written(planning.plan(facts(), targets.of_aws(None, None, NEW), Choices()))
    start += "[include]\n\tpath = more\n"
    text = written(planning.plan(facts(start), targets.of_aws(None, None, NEW), Choices()))
    assert text.index("[include]") < text.index("[credential")


def test_a_git_that_cannot_reset_helpers_is_told_what_to_edit() -> None:
    entries = [Entry("system", Path("/etc/gitconfig"), 7, "credential.helper", "manager")]
    old = facts(version=(2, 7, 4), entries=entries)
    told = targets.asked("https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/a")
    made = planning.plan(old, targets.of_aws(told, None, old.git.version), Choices())
    assert "helper =\n" not in written(made)
    assert "take that line out by hand (system: /etc/gitconfig, line 7)" in made.notes[0]
    with pytest.raises(NotUnderstood, match="say which by --region"):
        targets.of_aws(None, None, old.git.version)
    assert targets.of_aws(None, "eu-west-1", (2, 7)).sections == (
        "https://git-codecommit.eu-west-1.amazonaws.com",
    )


def test_the_guides_lines_are_written_as_the_guide_has_them() -> None:
    entries = [Entry("system", Path("/etc/gitconfig"), 2, "credential.helper", "manager")]
    made = planning.guide(facts("[user]\n\tname = x\n", entries=entries), Choices())
    assert written(made) == (
        "[user]\n\tname = x\n"
        "[credential]\n\thelper = !aws codecommit credential-helper $@\n\tUseHttpPath = true\n"
    )
    assert "asks manager as well (system: /etc/gitconfig, line 2)" in made.notes[0]
    assert "the AWS CLI is not on PATH" in made.notes[1]
    named = planning.guide(facts(), Choices(profile="a b"))
    assert "helper = !aws --profile 'a b' codecommit credential-helper $@\n" in written(named)


def test_what_else_is_needed_is_told() -> None:
    told = targets.asked("https://git.example.org")
    target = targets.of_server(told, SERVER, None, NEW)
    bare = facts(profiles=(), scope="system")
    notes = planning.plan(bare, target, Choices()).notes
    assert "`aws configure` makes one" in notes[0]
    assert "each other user signs for *.example.org:8443, git.example.org only after" in notes[1]
    in_a_container = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/v1"}
    assert planning.plan(facts(profiles=(), environment=in_a_container), target, Choices()).notes == []


def test_an_environment_that_overrules_the_ca_is_told() -> None:
    over = facts(environment={"GIT_SSL_CAINFO": "/corporate.pem"})
    made = planning.plan(over, targets.of_aws(None, None, NEW), Choices(ca=Path("/ca.pem")))
    assert "GIT_SSL_CAINFO is set in this environment (/corporate.pem)" in made.notes[0]
    same = facts(environment={"GIT_SSL_CAINFO": "/ca.pem"})
    assert planning.plan(same, targets.of_aws(None, None, NEW), Choices(ca=Path("/ca.pem"))).notes == []


# Windows, simulated: its paths, its files' line ends, and the shell that Git for Windows brings.


class Windows(ThisMachine):
    """Has one program, at a path with blanks, a bracket and a quotation mark."""

    def is_file(self, path: Path | str) -> bool:
        return str(path) == self.program

    program = "C:/Users/Mary O'Hara (x86)/venv/Scripts/moorage.exe"


def test_on_windows_the_helper_is_a_program_that_gits_shell_can_start(tmp_path: Path) -> None:
    machine = Windows(
        {"USERPROFILE": r"C:\Users\Mary", "APPDATA": str(tmp_path), "HOME": "/c/Users/Mary"},
        folder=tmp_path,
        system="windows",
        python=r"C:\Users\Mary O'Hara (x86)\venv\Scripts\python.exe",
    )
    helper = reading.helper(machine)
    start = "\ufeff[user]\r\n\tname = Mary\r\n[credential]\r\n\thelper = manager\r\n"
    windows = facts(start, helper=helper, system="windows")
    profile = "%USERPROFILE% $(calc) `x` 'y'"
    choices = Choices(profile=profile, ca=Path(r"C:\ca dir\ca.pem"))
    made = planning.plan(windows, targets.of_aws(None, None, NEW), choices)
    text = written(made)
    assert text.startswith(start)
    assert text.count("\r\n") == text.count("\n")
    assert "sslCAInfo = C:/ca dir/ca.pem\r\n\tschannelUseSSLCAInfo = true\r\n" in text
    (tmp_path / "config").write_bytes(text.encode())
    told = subprocess.run(
        [
            "git",
            "config",
            "--file",
            "config",
            "--get-all",
            "credential.https://git-codecommit.*.amazonaws.com.helper",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert told[0] == ""
    # What git's sh makes of the line: words as they are, and nothing run or expanded.
    words = subprocess.run(
        ["sh", "-c", f"printf '%s\\n' {told[1].removeprefix('!')} get"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert words == [
        "C:/Users/Mary O'Hara (x86)/venv/Scripts/moorage.exe",
        "credential-helper",
        "--password-expiry",
        "--profile",
        profile,
        "get",
    ]
    assert machine.config_folder == tmp_path / "moorage"
    assert str(machine.git_home) == "c:/Users/Mary"


def test_elsewhere_the_helper_is_started_by_the_interpreter_that_runs_setup(tmp_path: Path) -> None:
    python = "/opt/my tools/bin/python3"
    words = shlex.split(reading.helper(ThisMachine({}, folder=tmp_path, system="macos", python=python))[1:])
    assert words[:3] == [python, "-I", "-S"]
    assert Path(words[3]).name == "credential_helper.py"
    assert Path(words[3]).is_file()
