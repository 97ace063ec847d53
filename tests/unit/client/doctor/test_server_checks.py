"""What the way to a server shows is named, with the server's own reason, and nothing where all is well."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from doctor_at_hand import HOST, KEY, REMOTE, SIGNATURE, Home, arguments
from moorage.cli import doctor
from moorage.client.doctor import probing, report
from moorage.client.doctor.catalogue import CATALOGUE
from moorage.client.doctor.facts import Facts
from moorage.client.doctor.finding import Finding
from moorage.client.machine import Machine
from moorage.client.probe_connection import Answer
from moorage.client.probe_route import Route
from moorage.client.server_probe import NO_TLS, Credential, Probe, Step
from moorage.client.setup import facts as setup_facts

ROUTE = Route("https", HOST, 443, "/v1/repos/demo")
OK = Answer(200, {}, "")
HEALTHY = Probe(
    ROUTE, (Step("dns", True, "has one"), Step("signed", True, "200")), skew=0.5, signed=OK, push=OK
)


def ended(name: str, reason: str = "", **more: object) -> Probe:
    told = Probe(ROUTE, (Step(name, False, "no way", reason),))  # type: ignore[arg-type]  # of the steps' names
    return told._replace(**more)  # type: ignore[arg-type]  # each case names the fields it needs


def refused(status: int, reason: str = "") -> Probe:
    return ended("signed", reason, signed=Answer(status, {}, reason))


SKEWED = HEALTHY._replace(steps=(*HEALTHY.steps, Step("clock", False, "60 min ahead")), skew=3600.0)
EMPTY_REFUSED = HEALTHY._replace(steps=(*HEALTHY.steps, Step("empty-password", False, "403")))
UNCHECKED = HEALTHY._replace(route=ROUTE._replace(is_checked=False))
NO_PUSH = HEALTHY._replace(push=Answer(403, {}, "denied by statement NoPush"))
NO_FETCH = "User: arn:aws:iam::1:user/m is not authorized to perform: codecommit:GitPull, by statement 2 of P"

PLANTED = {
    "host-not-found": ended("dns", "Name or service not known"),
    "no-connection": ended("tcp", "Connection refused"),
    "certificate-refused": ended(
        "tls", "unable to get local issuer certificate", issued_by="Zscaler Root CA"
    ),
    "certificate-unchecked": UNCHECKED,
    "clock-skew": SKEWED,
    "no-password-asked": ended("bare", "Forbidden", bare=Answer(403, {}, "Forbidden")),
    "signature-refused": refused(401, "The access key AKIAX is not known."),
    "access-denied": refused(403, NO_FETCH),
    "key-denied": refused(403, "not authorized to perform: kms:Decrypt on arn:aws:kms:key/1"),
    "refused-without-reason": refused(403),
    "repository-unknown": refused(404, "demo does not exist"),
    "server-busy": refused(503, "busy"),
    "server-failed": refused(500, "request id: 1"),
    "push-denied": NO_PUSH,
}


def diagnosed(home: Home, probe: Probe, url: str = REMOTE) -> list[Finding]:
    return report.diagnose(replace(home.facts(), probes={url: probe}))


@pytest.mark.parametrize("known_as", PLANTED)
def test_what_the_server_shows_is_named_with_its_reason(known_as: str, tmp_path: Path) -> None:
    probe = PLANTED[known_as]
    [finding] = diagnosed(Home(tmp_path), probe)
    assert finding.id == known_as
    reason = probe.failed.reason if probe.failed else ""
    assert reason in finding.evidence
    assert probe.issued_by in finding.problem


def test_another_proxy_that_fails_is_no_connection(tmp_path: Path) -> None:
    [finding] = diagnosed(Home(tmp_path), ended("proxy", "the proxy p:3128 answers: HTTP/1.1 407"))
    assert finding.id == "no-connection"
    assert "407" in finding.evidence


def test_a_server_that_hangs_is_not_one_that_is_not_trusted(tmp_path: Path) -> None:
    hung = Probe(ROUTE, (Step("tls", False, f"{NO_TLS} {HOST}", "no answer in time"),))
    assert [each.id for each in diagnosed(Home(tmp_path), hung)] == ["no-connection"]


def test_an_empty_password_matters_where_the_url_names_a_user(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert diagnosed(home, EMPTY_REFUSED) == []
    url = REMOTE.replace("https://", "https://mary@")
    home.remote(url)
    found = {finding.id: finding for finding in diagnosed(home, EMPTY_REFUSED, url)}
    assert found.keys() == {"empty-password-refused", "user-in-url"}
    assert f"git remote set-url origin {REMOTE}" in found["empty-password-refused"].remedy


def test_nothing_is_found_where_all_is_well(tmp_path: Path) -> None:
    assert diagnosed(Home(tmp_path), HEALTHY) == []


def test_a_host_whose_repositories_are_not_known_is_judged_by_who_it_takes_us_for(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.remote("https://example.org/elsewhere.git")
    home.section("", "!aws codecommit credential-helper $@")
    url = f"https://{HOST}/v1/repos/moorage-doctor"
    for status, expected in ((403, []), (404, []), (401, ["signature-refused"])):
        assert [finding.id for finding in diagnosed(home, refused(status, "x"), url)] == expected


def test_every_finding_of_the_server_is_planted_here() -> None:
    ids = list(CATALOGUE)
    of_servers = ids[ids.index("host-not-found") : ids.index("guard-forgets-actions")]
    assert set(PLANTED) | {"empty-password-refused"} == set(of_servers)


class Walks:
    """Notes which ways are walked, and with what."""

    def __init__(self) -> None:
        self.walked: list[tuple[Route, Credential | None]] = []

    def __call__(self, route: Route, credential: object, **_: object) -> Probe:
        assert credential is None or callable(credential)
        self.walked.append((route, credential() if callable(credential) else None))
        return HEALTHY._replace(route=route)

    def of(self, machine: Machine, facts: Facts) -> Mapping[str, Probe]:
        return probing.probes(machine, facts, self)


def test_the_helpers_answer_goes_to_a_host_that_the_user_trusts(tmp_path: Path) -> None:
    home, walks = Home(tmp_path), Walks()
    assert walks.of(home.machine, home.facts()).keys() == {REMOTE}
    [(route, credential)] = walks.walked
    assert route == ROUTE
    assert credential is not None
    assert (credential.username, credential.password) == (KEY, SIGNATURE)


def with_a_helper_of_the_clone(home: Home, line: str) -> None:
    """Have the clone's own configuration name a helper, and no other."""
    home.global_config.unlink()
    quoted = line.replace("\\", "\\\\").replace('"', '\\"')
    home.add(
        home.local_config,
        f'[credential "https://{HOST}"]\n\thelper =\n\thelper = "{quoted}"\n\tuseHttpPath = true\n',
    )


@pytest.mark.parametrize("profile", ["", " --profile default"])
def test_the_line_that_moorage_wrote_into_a_clone_is_asked(profile: str, tmp_path: Path) -> None:
    home, walks = Home(tmp_path), Walks()
    with_a_helper_of_the_clone(home, setup_facts.helper(home.machine) + profile)
    walks.of(home.machine, home.facts())
    credentials = [credential for _, credential in walks.walked]
    assert [each.username for each in credentials if each is not None] == [KEY] * len(credentials)


@pytest.mark.parametrize(
    "more",
    ["; touch owned", " --profile x; touch owned", ' --profile "$(touch owned)"', " --profile 'a", "x"],
)
def test_a_line_that_only_begins_like_moorages_is_not_run(more: str, tmp_path: Path) -> None:
    home, walks = Home(tmp_path), Walks()
    with_a_helper_of_the_clone(home, setup_facts.helper(home.machine) + more)
    walks.of(home.machine, home.facts())
    assert walks.walked[0][1] is None
    assert not list(tmp_path.rglob("owned"))


def test_a_host_that_only_a_repository_names_is_sent_nothing(tmp_path: Path) -> None:
    home, walks = Home(tmp_path), Walks()
    home.remote("https://git.example.org/v1/repos/demo")
    walks.of(home.machine, home.facts())
    assert [(route.host, credential) for route, credential in walks.walked] == [("git.example.org", None)]


def test_of_a_wildcard_section_the_region_at_hand_is_looked_at(tmp_path: Path) -> None:
    home, walks = Home(tmp_path), Walks()
    home.remote("https://example.org/elsewhere.git")
    home.section("", "!aws codecommit credential-helper $@", url="https://git-codecommit.*.amazonaws.com")
    walks.of(home.machine, home.facts())
    assert [route.host for route, _ in walks.walked] == [HOST]
    home.config.write_text("[default]\nregion = a.evil\n")
    assert home.facts().targets == ()


def test_an_answer_stays_here_where_the_user_does_not_trust_the_host(tmp_path: Path) -> None:
    home, walks = Home(tmp_path), Walks()
    facts = home.facts()
    [target] = facts.targets
    walks.of(home.machine, replace(facts, targets=(replace(target, is_trusted=False),)))
    assert walks.walked == [(ROUTE, None)]


def test_a_repositorys_own_proxy_and_certificates_are_not_followed(tmp_path: Path) -> None:
    home, walks = Home(tmp_path), Walks()
    home.add(
        home.local_config, "[http]\n\tproxy = evil.example:1\n\tsslVerify = false\n\tsslCAInfo = /evil.pem\n"
    )
    home.add(home.local_config, f"\tcurloptResolve = {HOST}:443:203.0.113.9\n")
    walks.of(home.machine, home.facts())
    assert walks.walked[0][0] == ROUTE


def test_the_command_asks_the_servers_and_offline_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path)
    told = {REMOTE: PLANTED["signature-refused"]}
    assert doctor.examine(home.machine, arguments("--json"), lambda *_: told) == 1
    assert [each["id"] for each in json.loads(capsys.readouterr().out)["findings"]] == ["signature-refused"]
    for name in list(home.environment):
        monkeypatch.setenv(name, home.environment[name])
    monkeypatch.chdir(home.work)
    assert doctor.run(arguments("--offline")) == 0
