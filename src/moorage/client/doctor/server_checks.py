"""What the way to the server shows: pure functions of the facts, with the server's own reason repeated."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from moorage.client import signing_hosts
from moorage.client.doctor.facts import Facts, Target
from moorage.client.doctor.finding import Finding, found
from moorage.client.doctor.targets import ANY_REPOSITORY
from moorage.client.server_probe import NO_TLS, Probe, Step, span

_KEY_REFUSED = re.compile(r"(?i)\bkms\b|encryption key|EncryptionKey")


class Told(NamedTuple):
    """What a finding says beside the step that shows it."""

    known_as: str
    problem: str
    consequence: str
    remedy: str


def the_way_is_open(facts: Facts, target: Target) -> Iterator[Finding]:
    """Say at which step the way to the server ends, and why."""
    probe = facts.probes.get(target.url.text)
    failed = probe.failed if probe is not None else None
    if probe is None:
        return
    if failed is not None and failed.name in _ENDED:
        yield _finding(_ENDED[failed.name](target, probe), failed, probe)
        return
    signed = probe.step("signed")
    if signed is not None and not signed.ok:
        told = _refused(target, probe)
        if told is not None:
            yield _finding(told, signed, probe)


def the_clock_is_right(facts: Facts, target: Target) -> Iterator[Finding]:
    """Compare the server's Date with this machine's clock."""
    probe = facts.probes.get(target.url.text)
    step = probe.step("clock") if probe is not None else None
    if probe is None or probe.skew is None or step is None or step.ok:
        return
    where = "behind" if probe.skew > 0 else "ahead of"
    yield found(
        "clock-skew",
        f"This machine's clock is {span(abs(probe.skew))} {where} the server's.",
        evidence=f"{step.found}, by the Date of {probe.route.netloc}",
        consequence="Signatures carry the time: beyond 15 minutes git is refused, beyond 5 the AWS CLI.",
        remedy=_SET_CLOCK[facts.system],
    )


def empty_passwords_are_asked_for(facts: Facts, target: Target) -> Iterator[Finding]:
    """Look how the server answers the empty password that a URL with a user name begins with."""
    probe = facts.probes.get(target.url.text)
    step = probe.step("empty-password") if probe is not None else None
    if probe is None or step is None or step.ok or not target.url.user:
        return
    yield found(
        "empty-password-refused",
        f"{probe.route.netloc} refuses a name with an empty password, and a URL with a user begins with one.",
        evidence=f"{step.found}; the URL is {target.url.text} ({target.where})",
        consequence="Git stops before it asks any helper.",
        remedy=f"Take the user out of the URL: git remote set-url {target.remote or 'origin'} "
        f"{target.url.scheme}://{probe.route.netloc}{probe.route.path}",
    )


def certificates_are_checked(facts: Facts, target: Target) -> Iterator[Finding]:
    """Say that git takes any certificate."""
    probe = facts.probes.get(target.url.text)
    if probe is None or probe.route.is_checked or probe.route.scheme != "https":
        return
    yield found(
        "certificate-unchecked",
        f"Git does not check the certificate of {probe.route.netloc}.",
        evidence="GIT_SSL_NO_VERIFY is set"
        if "GIT_SSL_NO_VERIFY" in facts.environment
        else "http.sslVerify is false",
        consequence="Whoever stands between sees your session token, and can change what you fetch.",
        remedy=f"Unset it, and name the server's CA: moorage setup --ca FILE {target.url.origin}",
    )


def pushes_are_allowed(facts: Facts, target: Target) -> Iterator[Finding]:
    """Say why pushes are refused where fetches are not; many people may only read, so it is a note."""
    probe = facts.probes.get(target.url.text)
    if probe is None or probe.push is None or probe.push.status != 403:
        return
    yield found(
        "push-denied",
        f"You may fetch {target.url.text} and not push to it.",
        evidence=f"the server says: {probe.push.reason}" if probe.push.reason else "status 403 to a push",
        consequence="git push is refused.",
        remedy="If you should push, ask for codecommit:GitPush on the repository.",
    )


def _finding(told: Told, step: Step, probe: Probe) -> Finding:
    reason = f": {step.reason}" if step.reason else ""
    says = " the server says" if step.reason and step.name in _BY_SERVER else ""
    return found(
        told.known_as,
        told.problem,
        evidence=f"{step.found} ({probe.route.netloc});{says}{reason}" if says else f"{step.found}{reason}",
        consequence=told.consequence,
        remedy=told.remedy,
    )


_BY_SERVER = frozenset({"bare", "signed"})
_SET_CLOCK = {
    "linux": "Set the clock: timedatectl set-ntp true.",
    "macos": "Set the clock: sudo sntp -sS time.apple.com, or in System Settings, Date & Time.",
    "windows": "Set the clock: w32tm /resync, as an administrator.",
}


def _no_address(target: Target, probe: Probe) -> Told:
    del probe
    return Told(
        "host-not-found",
        f"{target.url.host} has no address here.",
        "Git cannot reach it.",
        "Check the region and spelling of the host, the network and its VPN; of your own server, the DNS.",
    )


def _no_connection(target: Target, probe: Probe) -> Told:
    del target
    through = f" through the proxy {probe.route.proxy}" if probe.route.proxy else ""
    return Told(
        "no-connection",
        f"{probe.route.netloc} takes no connection{through}.",
        "Git cannot reach it.",
        "Check that the server runs, the port, firewalls, and the proxy "
        f"({probe.route.proxy_named_by or 'none is set'}).",
    )


def _no_tls(target: Target, probe: Probe) -> Told:
    step, file = probe.failed, probe.route.ca_file
    if step is None or not step.found.startswith(NO_TLS) or (file and file in step.reason):
        return _no_trust(target, probe)
    return Told(
        "no-connection",
        f"{probe.route.netloc} is reached, and speaks no TLS.",
        "Git waits, or ends before anything is asked.",
        "Check that the server still answers, and that the port is the one of HTTPS.",
    )


def _no_trust(target: Target, probe: Probe) -> Told:
    by = f" It was issued by {probe.issued_by}." if probe.issued_by else ""
    if signing_hosts.aws_region(target.url.host) is not None:
        remedy = (
            "If a program inspects your traffic (the issuer's name tells), add its certificate: "
            f"git config --global http.{target.url.origin}.sslCAInfo FILE, and AWS_CA_BUNDLE=FILE."
        )
    else:
        remedy = (
            f"Name the CA of the server: moorage setup --ca FILE {target.url.origin}. moorage serve prints "
            "the path of its own. If a program inspects your traffic, its certificate belongs into FILE too."
        )
    return Told(
        "certificate-refused",
        f"Git does not trust the certificate of {probe.route.netloc}.{by}",
        "Every git command ends before anything is asked.",
        remedy,
    )


def _asks_no_password(target: Target, probe: Probe) -> Told:
    status = probe.bare.status if probe.bare is not None else 0
    if status == 0:
        return _no_connection(target, probe)
    return Told(
        "no-password-asked",
        f"{probe.route.netloc} does not ask for a password ({status}).",
        "Git asks its helpers only after 401 with Basic, so that no signature is ever sent.",
        "Check that the URL is that of a repository of CodeCommit or moorage, with no portal in between.",
    )


_ENDED: dict[str, Callable[[Target, Probe], Told]] = {
    "dns": _no_address,
    "tcp": _no_connection,
    "proxy": _no_connection,
    "tls": _no_tls,
    "bare": _asks_no_password,
}


def _refused(target: Target, probe: Probe) -> Told | None:
    """Return what a refusal of the signed request means; None where it means nothing."""
    answer = probe.signed
    url = target.url.text
    if answer is None:
        return _no_connection(target, probe)
    if answer.status in {403, 404} and target.url.path == ANY_REPOSITORY:
        return None  # no such repository is there: the server knows who we are, which was the question
    if answer.status == 403:
        return _forbidden(url, answer.reason)
    return _STATUSES.get(answer.status, _failed)(url, probe.route.netloc, answer.status)


def _signature_refused(url: str, host: str, status: int) -> Told:
    del url, status
    return Told(
        "signature-refused",
        f"{host} refuses the signature that git's helper gives.",
        "Every git command is refused.",
        "Do what the server says; otherwise check the access key, that it is active, and the clock.",
    )


def _unknown(url: str, host: str, status: int) -> Told:
    del host, status
    return Told(
        "repository-unknown",
        f"There is no repository at {url}.",
        "Every git command is refused.",
        "Check the name, the region in the host, and whose account the profile is of.",
    )


def _busy(url: str, host: str, status: int) -> Told:
    del url
    return Told(
        "server-busy",
        f"{host} is busy ({status}).",
        "Git is refused for now.",
        "Try again in a minute; if it stays so, tell whoever runs the server.",
    )


def _failed(url: str, host: str, status: int) -> Told:
    del url
    return Told(
        "server-failed",
        f"{host} answers with status {status}.",
        "Git is refused.",
        "Tell whoever runs the server, with the request's id.",
    )


_STATUSES: dict[int, Callable[[str, str, int], Told]] = {
    401: _signature_refused,
    404: _unknown,
    429: _busy,
    503: _busy,
}


def _forbidden(url: str, reason: str) -> Told:
    if not reason:
        return Told(
            "refused-without-reason",
            f"The server refuses {url} without a reason.",
            "Every git command is refused, and AWS lets an old password in a store stand.",
            "Check the policy (codecommit:GitPull on the repository, and its KMS key), the region in the "
            "host, and that the key belongs to the repository's account.",
        )
    if _KEY_REFUSED.search(reason):
        return Told(
            "key-denied",
            f"You may not use the KMS key of {url}.",
            "The repository can neither be read nor written.",
            "Ask the key's administrator for kms:Decrypt (to push, kms:GenerateDataKey), or to enable it.",
        )
    return Told(
        "access-denied",
        f"You may not fetch {url}.",
        "git clone and git fetch are refused.",
        "Ask for codecommit:GitPull on the repository, or for a change of the statement named.",
    )
