"""What the credential helper answers Git: a user name and a password for one repository, or why not.

The answer is the AWS CLI helper's, byte for byte. Two additions, each where it can be read:

- `password_expiry_utc` (`git-credential-moorage` only), so that no cache offers a dead password;
- to a Git that announces `state` (2.46), that it may ask again when the service refuses the password:
  a push that takes longer than a password lives goes on with a fresh one; and that stores need not keep it.
  User and password stay what they are: as a ready Authorization header (`authtype`) Git until 2.53 would
  leave them out of the probe before a pack of more than 1 MiB, and every such push would fail (ADR 0136).

This module and what it imports are all that a run with static keys loads. It costs about what it
costs to start Python, and a test keeps that so: no `re`, `json`, `argparse`, `os`, `pathlib`.
"""

from __future__ import annotations

from time import gmtime

from moorage.client import aws_files, credential_protocol, signing_hosts
from moorage.client.sources import Asked, NoCredentials, found
from moorage.core import sigv4

TYPE_CHECKING = False  # see core.sigv4
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from moorage.client.credential_protocol import Request
    from moorage.client.sources import Credentials

OPERATIONS = ("get", "store", "erase")
USAGE = (
    "usage: moorage credential-helper [--profile NAME] [--region REGION] [--ignore-host-check] "
    "get|store|erase\n"
)

# The service takes a password for 15 minutes. A minute of them is left for the request that brings it.
LIFETIME_SECONDS = 14 * 60
# A password refused within this time was not refused for its age.
FRESH_SECONDS = 2

_STATE = "moorage"
_REPOSITORIES = "v1/repos/"


class NoAnswer(Exception):
    """The helper has no answer. The text, if any, tells a person why, and what to do about it."""


class Options:
    """What the command line says."""

    __slots__ = ("expiry", "ignore_host_check", "operation", "profile", "region")

    def __init__(self) -> None:
        self.operation = ""
        self.profile: str | None = None
        self.region: str | None = None
        self.ignore_host_check = False
        self.expiry = False  # tell Git when the password ends


class WrongUsage(Exception):
    """The command line is none of the helper's."""


def options_of(arguments: Sequence[str]) -> Options:
    """Return the options of a command line; they may stand before and after the operation.

    Raises:
        WrongUsage: there is no operation, or an option is unknown.
    """
    options = Options()
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        if word == "--ignore-host-check":
            options.ignore_host_check = True
        elif word == "--password-expiry":
            options.expiry = True
        elif name in {"--profile", "--region"}:
            if not equals and not rest:
                raise WrongUsage(f"{name} needs a value")
            setattr(options, name[2:], value if equals else rest.pop(0))
        elif word.startswith("-"):
            raise WrongUsage(f"there is no option {name}")
        elif not options.operation:
            options.operation = word
    if not options.operation:
        raise WrongUsage("an operation is missing; Git adds it by itself")
    return options


def answer(options: Options, content: bytes, environment: Mapping[str, str], now: float) -> bytes:
    """Return what is written to Git for its message `content`, at `now` (Unix time).

    Raises:
        NoAnswer: nothing is written.
    """
    try:
        request = credential_protocol.parse(content)
    except credential_protocol.Malformed as error:
        raise NoAnswer(f"Git's request is refused: {error}") from None
    regions = _regions(request, options, environment)
    if not request.path:
        raise NoAnswer(
            "Git does not tell the repository's path, which the signature covers; run: git config --global "
            f"'credential.{request.protocol}://{request.host}.useHttpPath' true"
        )
    asked = Asked(environment, options.profile, now)
    try:
        region = regions[0] or options.region or regions[1] or _configured_region(asked)
        credentials = found(asked)
    except NoCredentials as error:
        raise NoAnswer(str(error)) from None
    if not region:
        raise NoAnswer(f"the region of {request.host} is not known: set it with --region, or AWS_REGION")
    if credentials.expires_at is not None and credentials.expires_at <= now:
        raise NoAnswer(f"the credentials of {credentials.source} have ended: renew them")
    try:
        return credential_protocol.render(_pairs(request, options, credentials, region, now))
    except credential_protocol.Malformed:
        raise NoAnswer(
            f"the access key of {credentials.source} holds a control character, as a line's end: correct it"
        ) from None


def _regions(request: Request, options: Options, environment: Mapping[str, str]) -> tuple[str, str]:
    """Return the regions in a host's name and in the hosts file, for a host that may get a signature."""
    if not request.host:
        raise NoAnswer  # about a certificate's password, or for nobody: not ours
    name, _ = signing_hosts.split(request.host)
    if not name:
        raise NoAnswer("Git's request is refused: its host is none")
    ours = signing_hosts.aws_region(name) is not None
    text = "" if ours else _hosts_file(environment)
    regions = signing_hosts.allowed(request.host, request.protocol, text)
    if regions is not None:
        return regions
    if not signing_hosts.is_safe(name, request.protocol):
        if options.ignore_host_check or _is_for_us(request):
            raise NoAnswer(f"no password goes to {name} without https: use an https:// URL")
        raise NoAnswer
    if options.ignore_host_check:
        return signing_hosts.region_told(request.host) or "", ""
    if _is_for_us(request):
        raise NoAnswer(_not_set_up(request, name))
    raise NoAnswer  # another service's host: another helper's business


def _is_for_us(request: Request) -> bool:
    host = request.host.lower()
    return request.path.lstrip("/").startswith(_REPOSITORIES) or "git-codecommit" in host


def _not_set_up(request: Request, name: str) -> str:
    if name != name.lower():
        return f"{name} may get no signature: write the host in lower case, as it is set up"
    return f"{request.host} may get no signature; if it is yours: moorage setup {request.protocol}://{request.host}"


def _hosts_file(environment: Mapping[str, str]) -> str:
    from sys import platform

    path = signing_hosts.hosts_path(environment, aws_files.home(environment), windows=platform == "win32")
    try:
        with open(path, "rb") as file:  # noqa: PTH123  # pathlib takes longer than the whole run
            return (
                file.read(aws_files.MOST_BYTES)
                .removeprefix(aws_files.BYTE_ORDER_MARK)
                .decode("utf-8", "replace")
            )
    except (OSError, ValueError):
        return ""


def _configured_region(asked: Asked) -> str:
    """Return the region of the environment, else of the profile, in the AWS CLI v2's order."""
    told = asked.environment.get("AWS_REGION") or asked.environment.get("AWS_DEFAULT_REGION")
    return told or asked.settings().get("region", "")


def _pairs(
    request: Request, options: Options, credentials: Credentials, region: str, now: float
) -> list[tuple[str, str]]:
    username = credentials.access_key + (f"%{credentials.token}" if credentials.token else "")
    password = _password(request, credentials, region, now)
    plain = [("username", username), ("password", password)]
    if options.expiry:
        end = now + LIFETIME_SECONDS
        plain.append(("password_expiry_utc", str(int(min(end, credentials.expires_at or end)))))
    if "state" in request.capabilities:
        return _renewable(request, credentials, plain, int(now))
    return plain


def _password(request: Request, credentials: Credentials, region: str, now: float) -> str:
    path = "/" + request.path.partition("?")[0].partition("#")[0]
    year, month, day, hour, minute, second = gmtime(now)[:6]
    return sigv4.git_password_at(
        sigv4.host_without_port(request.host),
        path,
        secret=credentials.secret_key,
        region=region,
        time=f"{year:04d}{month:02d}{day:02d}T{hour:02d}{minute:02d}{second:02d}",
    )


def _renewable(
    request: Request, credentials: Credentials, plain: list[tuple[str, str]], now: int
) -> list[tuple[str, str]]:
    # Not the key's id itself: Git tells this line to every other helper too.
    tag = sigv4.sha256_hex(sigv4.encode(f"{_STATE} {credentials.access_key}"))[:16]
    rounds = _refused_rounds(request.states, tag, now)
    pairs = [("capability[]", "state"), *plain, ("state[]", f"{_STATE}:{now}:{tag}:{rounds}")]
    if "authtype" in request.capabilities:
        pairs = [("capability[]", "authtype"), *pairs, ("ephemeral", "1")]
    if rounds == 0:
        # Ask again when this one is refused: by then it may be just too old.
        return [*pairs, ("continue", "1")]
    if rounds == 1:
        # It was refused at once, and so will this one be. As a last word it lets Git tell the reason.
        return pairs
    return [("quit", "1")]


def _refused_rounds(states: Sequence[str], tag: str, now: int) -> int:
    """Return how often in a row this key's password was refused while it was fresh."""
    for state in states:
        owner, _, rest = state.partition(":")
        words = rest.split(":")
        if owner == _STATE and len(words) == 3 and words[1] == tag:
            made, rounds = words[0], words[2]
            plain = made.isascii() and made.isdigit() and rounds.isascii() and rounds.isdigit()
            if plain and len(rounds) < 3 and len(made) < 16 and 0 <= now - int(made) <= FRESH_SECONDS:
                return int(rounds) + 1
    return 0
