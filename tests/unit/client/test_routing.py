from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from moorage.client.git_config_text import lines_of
from moorage.client.setup import routing
from moorage.client.setup.routing import (
    RouteRefused,
    by_proxy,
    ignores_endpoint_url,
    resolve,
    rewrite,
    written,
)

HERE = "https://git-codecommit.{}.amazonaws.com.localhost:8443/v1/repos/"
PREFIXES = {region: HERE.format(region) for region in ("us-east-2", "cn-north-1")}
GIT = "https://git-codecommit.us-east-2.amazonaws.com/v1/repos/demo"
CA = "/home/mary/my ca.pem"


def entries(text: str) -> list[tuple[str, str, str]]:
    return [(line.section, line.key, line.value or "") for line in lines_of(text) if line.key]


@pytest.mark.needs("git")
def test_git_asks_the_server_instead_of_aws(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(written("", rewrite(PREFIXES, default_region="us-east-2", profile="mary")))

    def asked(url: str) -> str:
        line = ["git", "ls-remote", "--get-url", url]
        environment = {"PATH": "/usr/bin:/bin", "GIT_CONFIG_GLOBAL": str(config), "GIT_CONFIG_NOSYSTEM": "1"}
        done = subprocess.run(line, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    ours = HERE.format("us-east-2") + "demo"
    assert asked(GIT) == ours
    assert asked(GIT.replace("git-codecommit.", "git-codecommit-fips.")) == ours
    assert (
        asked("https://git-codecommit.cn-north-1.amazonaws.com.cn/v1/repos/x")
        == HERE.format("cn-north-1") + "x"
    )
    for address in (
        "codecommit::us-east-2://demo",
        "codecommit::us-east-2://mary@demo",
        "codecommit://mary@demo",
    ):
        assert asked(address) == ours
    for other in (
        "https://git-codecommit.us-west-2.amazonaws.com/v1/repos/demo",
        "https://git-codecommit.us-east-2.amazonaws.com.evil.example/v1/repos/demo",
        "https://github.com/x/y",
        "codecommit::us-west-2://demo",
    ):
        assert asked(other) == other


def test_rules_of_the_user_stay_and_older_ones_for_the_same_addresses_go() -> None:
    before = written("", rewrite({"us-east-2": "https://old.example/v1/repos/"}))
    before += '[url "https://mirror.example/"]\n\t# mine\n\tinsteadOf = https://github.com/\n'
    before += '[url "https://git-codecommit.us-east-2.amazonaws.com.localhost:8443/"]\n\tinsteadOf = x:\n'
    made = written(before, rewrite({"us-east-2": PREFIXES["us-east-2"]}))
    assert "old.example" not in made
    assert '[url "https://mirror.example/"]\n\t# mine\n\tinsteadOf = https://github.com/\n' in made
    base = "url.https://git-codecommit.us-east-2.amazonaws.com.localhost:8443/"
    assert [value for name, _, value in entries(made) if name == base] == [
        "x:",
        "https://git-codecommit.us-east-2.amazonaws.com/",
        "https://git-codecommit-fips.us-east-2.amazonaws.com/",
    ]


def test_another_way_takes_the_rewriting_out_which_would_win() -> None:
    before = written("", rewrite({"us-east-2": PREFIXES["us-east-2"]}))
    made = written(before, resolve(["us-east-2"], "127.0.0.1", CA, (2, 39, 5)))
    assert "https://git-codecommit.us-east-2.amazonaws.com/" not in [value for _, _, value in entries(made)]


@pytest.mark.parametrize("before", ["", "[user]\r\n\tname = Mary\r\n", "# only a comment"])
def test_written_twice_nothing_changes(before: str) -> None:
    for sections in (
        rewrite(PREFIXES),
        resolve(["us-east-2"], "::1", CA, (2, 37)),
        by_proxy(["us-east-2"], "http://localhost:3128", CA),
    ):
        once = written(before, sections)
        assert written(once, sections) == once


def test_names_are_resolved_for_awss_hosts_alone_and_with_their_own_ca() -> None:
    name = "http.https://git-codecommit.us-east-2.amazonaws.com"
    made = entries(written("", resolve(["us-east-2"], "[::1]", CA, (2, 39))))
    assert [each for each in made if each[0] == name] == [
        (name, "curloptresolve", "git-codecommit.us-east-2.amazonaws.com:443:[::1]"),
        (name, "proxy", ""),
        (name, "sslcainfo", CA),
    ]
    assert {each[0].partition(".")[2].partition(".")[2] for each in made} == {"us-east-2.amazonaws.com"}


def test_a_proxy_is_for_awss_hosts_alone() -> None:
    made = entries(written("", by_proxy(["us-gov-west-1"], "http://localhost:3128", CA)))
    assert {name for name, _, _ in made} == {
        f"http.https://git-codecommit{kind}.us-gov-west-1.amazonaws.com" for kind in ("", "-fips")
    }


def test_on_windows_the_systems_tls_is_told_to_look_at_the_file() -> None:
    for sections in (
        resolve(["us-east-2"], "127.0.0.1", "C:\\Users\\mary\\ca.pem", (2, 45), windows=True),
        by_proxy(["us-east-2"], "http://localhost:3128", "C:\\Users\\mary\\ca.pem", windows=True),
    ):
        pairs = [(key, value) for _, key, value in entries(written("", sections))]
        assert pairs.count(("sslcainfo", "C:/Users/mary/ca.pem")) == 2
        assert pairs.count(("schannelusesslcainfo", "true")) == 2


def test_what_cannot_be_routed_is_refused_with_what_to_do() -> None:
    with pytest.raises(RouteRefused, match="no region of AWS"):
        rewrite({"local-lab-1": "https://git.example.org/v1/repos/"})
    with pytest.raises(RouteRefused, match="--region"):
        rewrite(dict.fromkeys(("us-east-2", "us-west-2"), "https://git.example.org/v1/repos/"))
    with pytest.raises(RouteRefused, match="rewrite"):
        resolve(["us-east-2"], "127.0.0.1", CA, (2, 36, 6))
    with pytest.raises(RouteRefused, match="IP address"):
        resolve(["us-east-2"], "localhost", CA, (2, 39))
    with pytest.raises(RouteRefused, match="password") as refused:
        by_proxy(["us-east-2"], "http://mary:open-sesame@proxy:3128", CA)
    assert "open-sesame" not in str(refused.value)


@pytest.mark.parametrize(
    ("said", "ignores"),
    [
        ("aws-cli/2.9.19 Python/3.11.2 Linux/6.1 source/x86_64.debian.12", True),
        ("aws-cli/2.13.0 Python/3.11", False),
        ("aws-cli/2.17.18", False),
        ("aws-cli/1.28.1", True),
        ("aws-cli/1.45.11", False),
        ("something else", False),
    ],
)
def test_versions_of_the_aws_cli_that_ignore_the_endpoint(said: str, ignores: bool) -> None:
    assert ignores_endpoint_url(said) is ignores


@pytest.mark.parametrize("way", ["rewrite", "resolve", "proxy"])
def test_each_way_says_what_it_does_not_reach(way: routing.Way) -> None:
    told = routing.limits(way)
    assert len(told) >= 2
    assert all("\n" not in line for line in told)


def test_the_wrapper_passes_words_through_and_quotes_its_own(tmp_path: Path) -> None:
    aws = tmp_path / "aws"
    aws.write_text('#!/bin/sh\nprintf "<%s>" "$@"; printf "%s" "$AWS_CA_BUNDLE"\n')
    aws.chmod(0o755)
    script = routing.wrapper("https://localhost:8443", "/my files/ca's.pem") + "aws sts 'a b' '$(touch x)'\n"
    done = subprocess.run(
        ["/bin/sh", "-c", script],
        env={"PATH": f"{tmp_path}:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "<--endpoint-url><https://localhost:8443><sts><a b><$(touch x)>/my files/ca's.pem"
    assert "'/my files/ca''s.pem'" in routing.wrapper("https://x", "/my files/ca's.pem", windows=True)
