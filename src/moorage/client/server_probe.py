"""Go the way of a git command step by step, and say where it ends.

The steps are DNS, TCP, TLS, the clock (the server's Date against ours), the answer to a bare request (401
with Basic), the one to an empty password (401 too: git sends it before it asks any helper, where the URL
names a user), the credentials that git's helpers give, and the answer to those. A step that fails ends the
way, but for the clock and the empty password, which are judged beside it.
"""

from __future__ import annotations

import base64
import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from typing import Literal, NamedTuple, NoReturn

from moorage.client import probe_connection
from moorage.client.probe_connection import Answer, Failed
from moorage.client.probe_route import Route

StepName = Literal["dns", "proxy", "tcp", "tls", "clock", "bare", "empty-password", "helper", "signed"]

MAX_SKEW_SECONDS = 300.0  # beyond it AWS's other services refuse; a Git password lives 15 minutes
FETCH, PUSH = "git-upload-pack", "git-receive-pack"


# How the step "tls" is told where no certificate was judged.
NO_TLS = "no TLS with"


class Step(NamedTuple):
    """One step: what was found, and where it failed, why."""

    name: StepName
    ok: bool
    found: str
    reason: str = ""


class Credential(NamedTuple):
    """What git's helpers gave, or ("" both) why they gave nothing."""

    username: str
    password: str
    said: str  # on standard error
    seconds: float = 0.0

    def __repr__(self) -> str:
        return f"Credential(username={self.username.partition('%')[0]!r}, ***)"


class Probe(NamedTuple):
    """All that was found on the way to one repository."""

    route: Route
    steps: tuple[Step, ...]
    issued_by: str = ""  # who issued a certificate that was refused
    skew: float | None = None  # seconds that the server's clock is ahead of this machine's
    bare: Answer | None = None
    empty: Answer | None = None
    credential: Credential | None = None
    signed: Answer | None = None
    push: Answer | None = None  # to the first request of a push, where the one of a fetch is answered

    def step(self, name: StepName) -> Step | None:
        return next((each for each in self.steps if each.name == name), None)

    @property
    def failed(self) -> Step | None:
        """The step at which the way ended."""
        return next((each for each in self.steps if not each.ok), None)


def probe(
    route: Route,
    credential: Callable[[], Credential | None] | None = None,
    *,
    pushes: bool = False,
    now: Callable[[], float] = time.time,
) -> Probe:
    """Walk the steps to a repository.

    `credential` asks git's helpers; it is called only when the server has asked for credentials as
    CodeCommit does. None, or an answer of None, leaves the last two steps out. `pushes`: ask whether a push
    is allowed too; that is no step, since many people may only read.
    """
    walk = _Walk(route, now)
    with contextlib.suppress(_Ended):
        walk.reach()
        walk.ask_barely()
        walk.ask_with_empty_password()
        if credential is not None:
            walk.ask_signed(credential())
        if pushes:
            walk.ask_for_push()
    return walk.told._replace(steps=tuple(walk.steps))


class _Ended(Exception):
    """A step failed that all others need."""


class _Walk:
    def __init__(self, route: Route, now: Callable[[], float]) -> None:
        self.route, self.now = route, now
        self.told = Probe(route, ())
        self.steps: list[Step] = []
        self.addresses: list[str] = []

    def reach(self) -> None:
        """Resolve, connect, and shake hands: each once, to see that it can be done."""
        self._resolve()
        with self._plain() as plain:
            if self.route.scheme != "https":
                return
            try:
                with probe_connection.secured(plain, self.route):
                    self._passed("tls", self._vouched())
            except probe_connection.Refused as error:
                issued_by = (
                    "" if self.route.proxy else probe_connection.refused_issuer(self.addresses, self.route)
                )
                self.told = self.told._replace(issued_by=issued_by)
                shown = f"the certificate of {self.route.netloc}" + (
                    f", issued by {issued_by}," if issued_by else ""
                )
                self._end("tls", f"{shown} is refused, checked by {self._trusts()}", str(error))
            except Failed as error:
                self._end("tls", f"{NO_TLS} {self.route.netloc}", str(error))

    def ask_barely(self) -> None:
        answer = self._asked("bare", {})
        self.told = self.told._replace(bare=answer)
        self._judge_clock(answer)
        if answer.status == 401 and answer.headers.get("www-authenticate", "").lower().startswith("basic"):
            self._passed("bare", "401 with Basic, so that git asks its helpers")
        else:
            self._end("bare", f"status {answer.status} to a request without credentials", answer.reason)

    def ask_with_empty_password(self) -> None:
        answer = self._asked("empty-password", _basic("moorage-doctor", ""))
        self.told = self.told._replace(empty=answer)
        ok = answer.status == 401
        said = (
            "401 to an empty password too"
            if ok
            else f"status {answer.status} to a name with an empty password"
        )
        self.steps.append(Step("empty-password", ok, said, "" if ok else answer.reason))

    def ask_signed(self, credential: Credential | None) -> None:
        if credential is None:
            return
        self.told = self.told._replace(credential=credential)
        if not credential.username or not credential.password:
            self._end("helper", "git's helpers give no credentials", probe_connection.clean(credential.said))
        self._passed(
            "helper", f"an answer for {credential.username.partition('%')[0]} in {credential.seconds:.1f} s"
        )
        headers = _basic(credential.username, credential.password)
        answer = self._asked("signed", headers)
        self.told = self.told._replace(signed=answer)
        if answer.status == 200:
            self._passed("signed", "200: the repository can be read")
        else:
            self._end("signed", f"status {answer.status}", answer.reason)

    def ask_for_push(self) -> None:
        """Ask what a push asks first; nothing comes of it."""
        given = self.told.credential
        if given is None or self.told.signed is None:
            return
        headers = _basic(given.username, given.password)
        self.told = self.told._replace(push=self._asked("signed", headers, PUSH))

    def _resolve(self) -> None:
        if self.route.proxy:
            host, _, port = self.route.proxy.rpartition(":")
            if "://" in self.route.proxy or not port.isdigit():
                self._end(
                    "proxy",
                    f"the proxy {self.route.proxy} ({self.route.proxy_named_by})",
                    "not of the form http://HOST:PORT, and so not tried",
                )
        else:
            host = self.route.host
        if self.route.addresses and not self.route.proxy:
            self.addresses = list(self.route.addresses)
            self._passed("dns", f"{host} is {', '.join(self.addresses)} by http.curloptResolve")
            return
        try:
            self.addresses = probe_connection.resolved(host.strip("[]"), self.route.port)
        except Failed as error:
            self._end("dns", f"{host} has no address", str(error))
        self._passed("dns", f"{host} is {', '.join(self.addresses[:3])}")

    @contextlib.contextmanager
    def _plain(self) -> Iterator[socket.socket]:
        """Connect, through the proxy where there is one."""
        port = int(self.route.proxy.rpartition(":")[2]) if self.route.proxy else self.route.port
        try:
            connection, address = probe_connection.connected(self.addresses, port)
        except Failed as error:
            self._end("tcp", f"no connection to port {port}", str(error))
        with connection:
            self._passed("tcp", f"{address} port {port}")
            if self.route.proxy and self.route.scheme == "https":
                try:
                    probe_connection.through_proxy(connection, self.route)
                except Failed as error:
                    self._end("proxy", f"no way through the proxy ({self.route.proxy_named_by})", str(error))
                self._passed("proxy", f"through {self.route.proxy} ({self.route.proxy_named_by})")
            yield connection

    def _asked(self, name: StepName, headers: dict[str, str], service: str = FETCH) -> Answer:
        try:
            with self._plain() as plain:
                if self.route.scheme != "https":
                    return probe_connection.asked(plain, self.route, headers, service)
                with probe_connection.secured(plain, self.route) as connection:
                    return probe_connection.asked(connection, self.route, headers, service)
        except Failed as error:
            self._end(name, "no answer", str(error))

    def _judge_clock(self, answer: Answer) -> None:
        try:
            told = parsedate_to_datetime(answer.headers["date"]).timestamp()
        except (KeyError, ValueError, TypeError, OverflowError):
            return  # nothing is told, so nothing is judged
        skew = told - self.now()
        self.told = self.told._replace(skew=skew)
        ok = abs(skew) <= MAX_SKEW_SECONDS
        if abs(skew) < 2:
            said = "the server's and this machine's agree"
        else:
            said = f"the server's is {span(abs(skew))} {'ahead of' if skew > 0 else 'behind'} this machine's"
        self.steps.append(Step("clock", ok, said))

    def _vouched(self) -> str:
        if not self.route.is_checked:
            return "made, but the certificate is not checked: git is told to take any"
        return f"the certificate is good, checked by {self._trusts()}"

    def _trusts(self) -> str:
        if self.route.ca_file:
            return f"{probe_connection.clean(self.route.ca_file, 300)} ({self.route.ca_named_by})"
        return "this machine's own certificates"

    def _passed(self, name: StepName, found: str) -> None:
        if all(each.name != name for each in self.steps):  # further connections go the same way
            self.steps.append(Step(name, ok=True, found=found))

    def _end(self, name: StepName, found: str, reason: str) -> NoReturn:
        self.steps.append(Step(name, ok=False, found=found, reason=reason))
        raise _Ended


def span(seconds: float) -> str:
    """Return a length of time for a person."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 2 * 86400 else f"{seconds / 86400:.0f} days"


def _basic(username: str, password: str) -> dict[str, str]:
    pair = f"{username}:{password}".encode("utf-8", "surrogateescape")
    return {"Authorization": "Basic " + base64.b64encode(pair).decode()}
