"""What git_config says of a configuration is what the installed git does with it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.client import git_config
from moorage.client.machine import ThisMachine

HOSTS = [
    "git.example.org",
    "git.*.org",
    "*.example.org",
    "*",
    "GIT.example.org",
    "git.example.org:443",
    "git.example.org:8443",
]
SECTIONS = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["https://", "http://", "https://", ""]),
    st.sampled_from(["", "", "", "ann@", "bob@"]),
    st.sampled_from(HOSTS),
    st.sampled_from(
        [
            "",
            "",
            "/",
            "/v1",
            "/v1/",
            "/v1/repos/a",
            "/v1/repos/a.git",
            "/v1/../v1/repos",
            "/v1/repos/%61",
            "/v",
        ]
    ),
)
URLS = st.builds(
    "{}://{}{}{}".format,
    st.sampled_from(["https", "https", "http"]),
    st.sampled_from(["", "", "ann@"]),
    st.sampled_from(["git.example.org", "git.example.org:8443", "git.other.org", "localhost"]),
    st.sampled_from(["/v1/repos/a", "/v1/repos/a.git", "/v1/repos/ab", "/v2/x"]),
)


class Ground:
    """A home with one global configuration, and real git in it."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "gitconfig"
        self.log = folder / "log"
        self.machine = ThisMachine(
            {
                "PATH": "/usr/local/bin:/usr/bin:/bin",
                "HOME": str(folder),
                "GIT_CONFIG_GLOBAL": str(self.file),
                "GIT_CONFIG_SYSTEM": str(folder / "none"),
                "GIT_TERMINAL_PROMPT": "0",
            },
            folder=folder,
        )
        found = git_config.git(self.machine)
        assert found is not None
        self.git = found

    def entries(self) -> list[git_config.Entry]:
        return git_config.entries(self.machine, self.git)

    def ask(self, *words: str, stdin: str = "") -> str:
        return self.machine.run(["git", *words], stdin).stdout


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    return Ground(tmp_path_factory.mktemp("git"))


def entries_of(ground: Ground, number: int, kind: str) -> list[tuple[str, str]]:
    """A helper that notes its number and whether it was told a path; or none; or whether to tell paths."""
    if kind in {"true", "false"}:
        return [("useHttpPath", kind)]
    noting = f"!f() {{ echo {number} $(grep -c ^path=) >>{ground.log}; }}; f"
    return [("helper", noting if kind == "helper" else "")]


@settings(max_examples=80)
@given(
    url=URLS,
    sections=st.lists(
        st.tuples(
            st.one_of(st.none(), SECTIONS), st.sampled_from(["helper", "helper", "reset", "true", "false"])
        ),
        max_size=7,
    ),
)
def test_helpers_are_those_that_git_calls_in_its_order_and_are_told_the_path_as_git_tells_it(
    ground: Ground, url: str, sections: list[tuple[str | None, str]]
) -> None:
    text = ""
    for number, (section, kind) in enumerate(sections):
        name = "credential" if section is None else f"credential.{section}"
        text += git_config.with_section("", name, entries_of(ground, number, kind))
    ground.file.write_text(text)
    ground.log.unlink(missing_ok=True)
    ground.ask("credential", "fill", stdin=f"url={url}\n\n")
    called = ground.log.read_text().splitlines() if ground.log.exists() else []
    found = ground.entries()
    with_path = git_config.value_for(found, url, "usehttppath", ground.git.version)
    told = int(with_path is not None and with_path.value == "true")
    helpers = git_config.helpers_for(found, url, ground.git.version)
    assert [f"{entry.value.split()[3]} {told}" for entry in helpers] == called


@settings(max_examples=60)
@given(url=URLS, sections=st.lists(st.one_of(st.none(), SECTIONS), max_size=6))
def test_a_setting_of_http_is_the_one_that_git_takes(
    ground: Ground, url: str, sections: list[str | None]
) -> None:
    text = ""
    for number, section in enumerate(sections):
        text += git_config.with_section(
            "", "http" if section is None else f"http.{section}", [("sslCAInfo", f"/ca/{number}")]
        )
    ground.file.write_text(text)
    taken = ground.ask("config", "--get-urlmatch", "http.sslcainfo", url).strip()
    told = git_config.value_for(ground.entries(), url, "http.sslcainfo")
    assert (told.value if told else "") == taken


VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), max_size=12) | st.sampled_from(
    [
        "",
        " x ",
        "a;b",
        '!"C:/Program Files/x y" get',
        "a\\b",
        "tab\there",
        "#",
        "'q'",
        "$(id) `id`",
        "%USERPROFILE%",
    ]
)
STARTS = st.sampled_from(
    [
        "",
        "\ufeff[user]\r\n\tname = Ann ; a comment of Ann's\r\n",
        "# mine is this\n[credential]\n\thelper = store # to be kept\n",
        '[credential "https://h"] helper = old\n\tusername = u\n',
        '[credential "https://h"]\n\t# and why\n\thelper = \\\n  old\n[core]\n\tbare\n',
        '[credential "https://h"]\nhelper=a\n[http]\nproxy=p\n[Credential "https://h"]\nHelper=b\nuseHttpPath\n',
        "[user]\nname = no end of line",
    ]
)


def listed(ground: Ground, *options: str) -> list[str]:
    return [each for each in ground.ask("config", "--list", "-z", *options).split("\0") if each]


@settings(max_examples=50)
@given(start=STARTS, values=st.lists(VALUES, min_size=1, max_size=3), last=st.booleans())
def test_git_reads_what_was_edited_and_all_else_unchanged(
    ground: Ground, start: str, values: list[str], last: bool
) -> None:
    section = "credential.https://h"
    ground.file.write_bytes(start.encode())
    before = listed(ground)
    after_text = git_config.with_section(start, section, [("helper", value) for value in values], last=last)
    ground.file.write_bytes(after_text.encode())
    after = listed(ground)

    def ours(item: str) -> bool:
        return item.partition("\n")[0] == f"{section}.helper"

    assert [item.partition("\n")[2] for item in after if ours(item)] == values
    assert sorted(item for item in after if not ours(item)) == sorted(
        item for item in before if not ours(item)
    )
    if last:
        names = [item for item in after if item.startswith("credential.")]
        assert all(item.startswith(section) for item in names[-len(values) :])
    for comment in ("a comment of Ann's", "# mine is this", "# to be kept", "# and why"):
        assert (comment in after_text) == (comment in start)
    assert ("\r\n" in start) == ("\r\n" in after_text)
    assert (after_text.count("\n") == after_text.count("\r\n")) or "\r\n" not in start
    assert (
        git_config.with_section(after_text, section, [("helper", value) for value in values], last=last)
        == after_text
    )
    ground.file.write_bytes(git_config.without_section(after_text, section).encode())
    assert listed(ground) == [item for item in before if not item.startswith(section)]


def test_a_section_taken_out_again_leaves_the_file_as_it_was() -> None:
    for start in ("", "\ufeff[user]\r\n\tname = Ann\r\n", "# mine\n[user]\n\tname = x\n"):
        there = git_config.with_section(start, "credential.https://h", [("helper", ""), ("helper", "x")])
        assert git_config.without_section(there, "credential.https://h") == start


def test_every_scope_is_listed_with_file_and_line(tmp_path: Path) -> None:
    home = tmp_path / "home"
    folder = tmp_path / "work tree" / "deep"
    folder.mkdir(parents=True)
    home.mkdir()
    (home / ".gitconfig").write_text(
        "# a comment\n[user]\n\tname = \\\n    Ann\n\temail = a\n[include]\n\tpath = more\n"
        f'[includeIf "gitdir:{tmp_path}/work tree/"]\n\tpath = more\n[user]\n\tname = Bob\n'
    )
    (home / "more").write_text("\n\n[credential]\n\thelper = store\n")
    xdg = home / ".config" / "git" / "config"
    xdg.parent.mkdir(parents=True)
    xdg.write_text("[credential]\n\thelper = cache\n")
    system = tmp_path / "system"
    system.write_text("[credential]\r\n\thelper = manager\r\n")
    machine = ThisMachine(
        {
            "PATH": "/usr/bin:/bin",
            "HOME": str(home),
            "GIT_CONFIG_SYSTEM": str(system),
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "credential.helper",
            "GIT_CONFIG_VALUE_0": "from-environment",
        },
        folder=folder,
    )
    for words in (
        ["init", "-q", ".."],
        ["config", "extensions.worktreeConfig", "true"],
        ["config", "--worktree", "credential.helper", "w"],
        ["config", "credential.helper", "l"],
    ):
        subprocess.run(["git", *words], cwd=folder, env=dict(machine.environment), check=True)
    git = git_config.git(machine)
    assert git is not None
    found = git_config.entries(machine, git)
    inner = folder.parent / ".git"
    assert [
        (entry.scope, entry.file, entry.line, entry.value)
        for entry in found
        if entry.key in {"credential.helper", "user.name"}
    ] == [
        ("system", system, 2, "manager"),
        ("global", xdg, 2, "cache"),
        ("global", home / ".gitconfig", 3, "Ann"),
        ("global", home / "more", 4, "store"),
        ("global", home / "more", 4, "store"),
        ("global", home / ".gitconfig", 11, "Bob"),
        ("local", inner / "config", 9, "l"),
        ("worktree", inner / "config.worktree", 2, "w"),
        ("command", None, 0, "from-environment"),
    ]
    assert git_config.config_file(machine, git, "system") == system
    assert git_config.config_file(machine, git, "global") == home / ".gitconfig"
    local = git_config.config_file(machine, git, "local")
    assert local is not None
    assert local.resolve() == inner / "config"
    for older in ((2, 20), (2, 1)):
        simpler = [
            (each.scope, each.key, each.value)
            for each in git_config.entries(machine, git._replace(version=older))
            if each.scope in {"system", "local"}
        ]
        assert simpler == [
            (each.scope, each.key, each.value) for each in found if each.scope in {"system", "local"}
        ]


def test_a_broken_configuration_is_told_with_gits_words(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    ground.file.write_text("[user]\n\tname = x\n\toops\x1b[31m = 1\n")
    with pytest.raises(git_config.ConfigUnreadable, match="bad config line 3") as told:
        ground.entries()
    assert "\x1b" not in str(told.value)
    with pytest.raises(git_config.ConfigSyntaxError, match="line 3"):
        git_config.with_section(ground.file.read_text(), "credential.https://h", [("helper", "")])


def test_the_systems_file_is_found_without_a_hint() -> None:
    machine = ThisMachine({"PATH": "/usr/bin:/bin", "HOME": "/nowhere"})
    git = git_config.git(machine)
    assert git is not None
    assert git_config.config_file(machine, git, "system") == Path("/etc/gitconfig")


def test_before_wildcards_a_section_matches_only_what_is_equal() -> None:
    url = "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/a"
    wild = "https://git-codecommit.*.amazonaws.com"
    assert git_config.matches(wild, url)
    assert not git_config.matches(wild, url, (2, 25, 9))
    assert git_config.matches("https://git-codecommit.eu-west-1.amazonaws.com", url, (1, 7, 9))
    assert not git_config.matches("https://git-codecommit.eu-west-1.amazonaws.com/v1", url, (2, 25))
    assert git_config.matches("https://git-codecommit.eu-west-1.amazonaws.com/v1", url)
