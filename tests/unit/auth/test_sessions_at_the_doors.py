"""Temporary credentials at the API's door and at Git's."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from sqlalchemy import Engine, event

from identities_at_hand import ACCOUNT, Installation
from moorage.auth import session_tokens
from moorage.auth.authenticate import Authenticator
from moorage.auth.gate import Gate
from moorage.auth.session_tokens import Credentials, SessionContents
from moorage.auth.signed_request import SignedRequest
from moorage.core import sigv4
from moorage.core.clock import SystemClock
from moorage.core.faults import Fault
from moorage.core.principal import Caller, Principal
from moorage.core.secrets import Secret
from moorage.storage import access_keys, accounts, identities, roles, users
from moorage.storage.database import Database
from moorage.storage.users import UserRow
from moorage.wire.regions import Regions
from sessions_at_hand import Sessions, trusting

HOST = "git-codecommit.us-east-2.amazonaws.com.localhost"
PATH = "/v1/repos/demo"
HOUR = timedelta(hours=1)
BODY = b"Action=GetCallerIdentity&Version=2011-06-15"
Signer = type[SigV4Auth] | type[SigV4QueryAuth]


@pytest.fixture
def mary(installation: Installation) -> UserRow:
    return installation.add_user("mary")


class Doors:
    def __init__(self, installation: Installation, database: Database | None = None) -> None:
        self.installation = installation
        self.authenticator = Authenticator(
            database or installation.database,
            installation.root_key,
            regions=Regions(),
            clock=SystemClock(),
            default_region="us-east-1",
        )

    def issue(self, issuer_id: str, *, left: timedelta = HOUR, **more: Any) -> Credentials:
        """Issue credentials that end that much later than now."""
        ends = (SystemClock().now() + left).replace(microsecond=0)
        contents = SessionContents("user", ACCOUNT, issuer_id, ends - HOUR, ends)
        contents = replace(contents, **more)
        return session_tokens.issue(self.installation.root_key, contents, lambda length: b"\x07" * length)

    def api(
        self,
        credentials: Credentials,
        token: Secret | None,
        service: str = "sts",
        signer: Signer = SigV4Auth,
    ) -> Principal:
        signing = BotocoreCredentials(
            credentials.access_key_id, credentials.secret.reveal(), token.reveal() if token else None
        )
        presigned = signer is SigV4QueryAuth
        method, body = ("GET", b"") if presigned else ("POST", BODY)
        request = AWSRequest(method, "https://localhost/", data=body)
        signer(signing, service, "us-east-1").add_auth(request)
        headers = [(name.lower().encode(), value.encode()) for name, value in request.headers.items()]
        query = request.url.partition("?")[2].encode()
        sent = SignedRequest.of(method, b"/", query, [*headers, (b"host", b"localhost")], body)
        return self.authenticator.signed(sent, service, None)[0]

    def git(self, credentials: Credentials, token: Secret | None, ago: timedelta = timedelta()) -> Principal:
        now = SystemClock().now() - ago
        password = sigv4.git_password(
            HOST, PATH, secret=credentials.secret.reveal(), region="us-east-2", now=now
        )
        user = credentials.access_key_id + (f"%{token.reveal()}" if token else "")
        header = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        return self.authenticator.git(header, HOST, PATH, "us-east-2").principal


@pytest.fixture
def doors(installation: Installation) -> Doors:
    return Doors(installation)


def refusal(ask: Callable[[], object]) -> Fault:
    with pytest.raises(Fault) as refused:
        ask()
    return refused.value


def both(doors: Doors, credentials: Credentials, token: Secret | None) -> tuple[Fault, Fault]:
    """Return how the API's door and Git's refuse."""
    at_api = refusal(lambda: doors.api(credentials, token))
    at_git = refusal(lambda: doors.git(credentials, token))
    assert at_git.status == 401
    return at_api, at_git


@pytest.mark.parametrize("signer", [SigV4Auth, SigV4QueryAuth])
def test_a_session_signs_in_at_every_door(doors: Doors, mary: UserRow, signer: Signer) -> None:
    made = doors.issue(mary.user_id)
    principal = doors.api(made, made.session_token, signer=signer)
    assert (principal.kind, principal.unique_id) == ("user", mary.user_id)
    assert principal.access_key_id == made.access_key_id
    assert doors.git(made, made.session_token) == principal


def test_a_temporary_key_needs_its_own_token(doors: Doors, mary: UserRow) -> None:
    made = doors.issue(mary.user_id)
    other = doors.issue(mary.user_id, left=2 * HOUR)
    for token in (None, Secret("dG9rZW4="), Secret("x"), Secret(made.session_token.reveal()[:-4] + "AAAA")):
        at_api, at_git = both(doors, made, token)
        assert at_api.code == at_git.code == "InvalidClientTokenId"
        assert at_api.message == "The security token included in the request is invalid."
    # The other token is of the same account; it is that key's, with another secret.
    assert {fault.code for fault in both(doors, made, other.session_token)} == {"SignatureDoesNotMatch"}


def test_a_token_signs_nothing_for_who_lacks_its_secret(doors: Doors, mary: UserRow) -> None:
    made = doors.issue(mary.user_id)
    guess = replace(made, secret=Secret("a" * 40))
    assert {fault.code for fault in both(doors, guess, made.session_token)} == {"SignatureDoesNotMatch"}


def test_an_expired_session_is_told_so(doors: Doors, mary: UserRow) -> None:
    made = doors.issue(mary.user_id, left=timedelta())
    at_api, at_git = both(doors, made, made.session_token)
    assert (at_api.code, at_api.status) == ("ExpiredToken", 403)
    assert at_api.message == "The security token included in the request is expired"
    assert at_git.code == "ExpiredToken"
    assert f"expired at {made.expires_at:%Y-%m-%dT%H:%M:%S}" in at_git.message
    assert "new ones" in at_git.message


def test_a_session_ends_with_its_user_and_one_of_the_same_name_revives_nothing(
    doors: Doors, mary: UserRow
) -> None:
    made = doors.issue(mary.user_id)
    doors.api(made, made.session_token)
    with identities.change(doors.installation.database, ACCOUNT) as connection:
        users.remove(connection, mary.user_id)
    doors.installation.add_user("mary")
    at_api, at_git = both(doors, made, made.session_token)
    assert at_api.code == at_git.code == "InvalidClientTokenId"
    assert "deleted" in str(at_api.detail["reason"])


def test_a_session_of_a_closed_account_is_refused(doors: Doors) -> None:
    made = doors.issue(ACCOUNT, kind="root")
    assert doors.api(made, made.session_token).kind == "root"
    with doors.installation.database.write() as connection:
        accounts.close(connection, ACCOUNT)
    assert {fault.code for fault in both(doors, made, made.session_token)} == {"InvalidClientTokenId"}


def test_iam_is_reached_by_roles_and_with_mfa_alone(doors: Doors, mary: UserRow) -> None:
    role = Sessions(doors.installation).role("build", trusting("*"))
    plain = doors.issue(mary.user_id)
    with_mfa = doors.issue(mary.user_id, mfa_authenticated_at=SystemClock().now().replace(microsecond=0))
    guest = doors.issue(mary.user_id, kind="federated-user", name="guest")
    of_role = doors.issue(role.role_id, kind="role-session", name="nightly")
    for made in (with_mfa, of_role):
        doors.api(made, made.session_token, "iam")
    for made in (plain, guest):
        fault = refusal(partial(doors.api, made, made.session_token, "iam"))
        assert fault.code == "InvalidClientTokenId"
        doors.api(made, made.session_token, "codecommit")


def test_a_session_ends_with_its_role(doors: Doors) -> None:
    role = Sessions(doors.installation).role("build", trusting("*"))
    made = doors.issue(role.role_id, kind="role-session", name="nightly")
    assert doors.git(made, made.session_token).arn.endswith("assumed-role/build/nightly")
    with identities.change(doors.installation.database, ACCOUNT) as connection:
        roles.remove(connection, role.role_id)
    assert refusal(lambda: doors.git(made, made.session_token)).code == "InvalidClientTokenId"


def test_what_one_node_takes_away_another_refuses_at_its_next_request(
    doors: Doors, mary: UserRow, installation: Installation
) -> None:
    url = installation.database._engines.reading.url.render_as_string(hide_password=False)
    database = Database.open(url)
    try:
        elsewhere = Doors(installation, database)
        made = doors.issue(mary.user_id)
        with identities.change(installation.database, ACCOUNT) as connection:
            key = access_keys.create(connection, installation.root_key, ACCOUNT, mary.user_id, now_ms=1)
        long_term = Credentials(key.access_key_id, key.secret, made.session_token, made.expires_at)
        for each in (doors, elsewhere):
            each.api(made, made.session_token)
            each.git(long_term, None)
        with identities.change(installation.database, ACCOUNT) as connection:
            access_keys.remove(connection, ACCOUNT, mary.user_id, key.access_key_id)
        assert refusal(lambda: elsewhere.git(long_term, None)).code == "InvalidClientTokenId"
        elsewhere.git(made, made.session_token)
        with identities.change(installation.database, ACCOUNT) as connection:
            users.remove(connection, mary.user_id)
        assert refusal(lambda: elsewhere.git(made, made.session_token)).code == "InvalidClientTokenId"
    finally:
        database.close()


def test_a_request_with_a_session_asks_one_question(doors: Doors, mary: UserRow) -> None:
    database, gate = doors.installation.database, Gate(doors.installation.database)
    made = doors.issue(mary.user_id)
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith("BEGIN"):
            statements.append(statement)

    for _ in range(2):
        statements.clear()
        event.listen(Engine, "before_cursor_execute", note)
        try:
            with database.one_snapshot():
                principal = doors.git(made, made.session_token)
                gate.of(Caller(principal, "us-east-2", "request-1", SystemClock().now()))
        finally:
            event.remove(Engine, "before_cursor_execute", note)
    assert len(statements) == 1, statements
