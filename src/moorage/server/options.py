"""Every setting of `moorage serve`, described once.

The command line, the environment variables, the TOML file and docs/settings.md all come from
this table; the types are in `moorage.server.settings`. Standard library only, so that
`moorage serve --help` and shell completion need nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Option:
    """One setting. `name` is its TOML key; the flag and the environment variable derive from it.

    `metavar` is None for a switch. `expects` completes the sentence "VALUE is not …", and
    `example` is a right value.
    """

    name: str
    metavar: str | None
    default: str
    help: str
    expects: str
    example: str
    choices: tuple[str, ...] = ()
    repeatable: bool = False

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        return "MOORAGE_" + self.name.upper()


DEFAULT_DOMAIN = "amazonaws.com.localhost"

OPTIONS: tuple[Option, ...] = (
    Option(
        "data",
        "DIR",
        "$XDG_DATA_HOME/moorage, else ~/.local/share/moorage",
        "folder that holds everything the service must keep: database, blobs, keys, certificates",
        "a folder",
        "/var/lib/moorage",
    ),
    Option(
        "https",
        "HOST:PORT",
        "127.0.0.1:8443",
        "where to serve HTTPS; port 0 takes a free one. Beyond loopback needs --tls-cert and --tls-key",
        "HOST:PORT",
        "127.0.0.1:8443",
    ),
    Option(
        "http",
        "HOST:PORT",
        "off",
        "also serve plain HTTP, on a loopback address only (for a proxy on this machine)",
        "HOST:PORT",
        "127.0.0.1:8080",
    ),
    Option(
        "ssh",
        "HOST:PORT[=REGION]",
        "off",
        "also serve Git over SSH; with =REGION that region alone, else all, told apart by the path "
        "/REGION/v1/repos/NAME (may be given several times)",
        "HOST:PORT or HOST:PORT=REGION",
        "127.0.0.1:2222=us-east-2",
        repeatable=True,
    ),
    Option(
        "tls_cert",
        "FILE",
        "made by the local CA in DATA",
        "certificate chain (PEM) for HTTPS; read again when the file changes",
        "a readable file",
        "/etc/moorage/fullchain.pem",
    ),
    Option(
        "tls_key",
        "FILE",
        "made by the local CA in DATA",
        "private key (PEM) of --tls-cert",
        "a readable file",
        "/etc/moorage/key.pem",
    ),
    Option(
        "aws_names",
        None,
        "off",
        "also show, to clients that ask for AWS's own host names of CodeCommit, IAM, KMS or STS, a "
        "certificate for these, from a CA of its own in DATA/aws-names-ca.pem; unmodified URLs can then be "
        "routed here",
        "true or false",
        "true",
    ),
    Option(
        "domain",
        "NAME",
        DEFAULT_DOMAIN,
        "domain D of the service's names: git-codecommit.REGION.D, codecommit.REGION.D, iam.D, sts.REGION.D",
        "a domain name",
        "aws.example.org",
    ),
    Option(
        "public_url",
        "URL",
        "https://git-codecommit.REGION.D:PORT",
        "base of the clone URLs that the API returns, where a proxy or another name stands in front",
        "an http(s) URL of a host alone, without a path",
        "https://git.example.org",
    ),
    Option(
        "region",
        "REGION",
        "us-east-1",
        "default region: of a Git credential that names none",
        "a region that this service knows",
        "us-east-2",
    ),
    Option(
        "extra_region",
        "REGION",
        "none",
        "a region to serve beside those AWS has for CodeCommit (may be given several times)",
        "a region name",
        "local-lab-1",
        repeatable=True,
    ),
    Option(
        "account_id",
        "DIGITS",
        "made at random",
        "the first account's 12 digits; counts at the first start only",
        "12 digits",
        "123456789012",
    ),
    Option(
        "database",
        "URL",
        "sqlite:///DATA/moorage.db",
        "where the rows live: SQLite, or a PostgreSQL-compatible database",
        "a sqlite:/// or postgresql:// URL",
        "postgresql://moorage@db.example.org/moorage",
    ),
    Option(
        "blobs",
        "URL",
        "file:///DATA/blobs",
        "where the sealed packs live: a folder, or a bucket of an S3-compatible store",
        "a file:/// or s3:// URL",
        "s3://bucket/prefix?endpoint=https://s3.example.org",
    ),
    Option(
        "root_key",
        "SOURCE",
        "file:DATA/root.key",
        "the key all other keys are sealed under: file:PATH (mode 0600), env:NAME, or kms:KEY-ARN@ENDPOINT",
        "file:PATH, env:NAME, or kms:KEY-ARN with @https://HOST:PORT where it is not AWS's own",
        "env:MOORAGE_ROOT_KEY_VALUE",
    ),
    Option(
        "cache",
        "DIR",
        "DATA/cache",
        "working copies of repositories, plaintext and disposable; a tmpfs is a good place",
        "a folder",
        "/run/moorage/cache",
    ),
    Option(
        "cache_size",
        "SIZE",
        "20G",
        "bound of the cache; the repositories used least recently leave first",
        "a size of 64M or more, as 500M or 20G",
        "20G",
    ),
    Option(
        "workers",
        "N",
        "1",
        "worker processes; one for each core is plenty",
        "a whole number from 1 to 64",
        "2",
    ),
    Option(
        "compat",
        "MODE",
        "friendly",
        "friendly heals and explains on the Git wire; strict gives AWS's bare answers and quotas",
        "friendly or strict",
        "strict",
        choices=("friendly", "strict"),
    ),
    Option(
        "guard_approvals",
        None,
        "off",
        "refuse a push or a merge of branches that would merge a pull request past its approval rules; AWS "
        "lets it pass",
        "true or false",
        "true",
    ),
    Option(
        "git_password_lifetime",
        "DURATION",
        "15m",
        "how long, either side of its date, a Git password of the credential helper is good",
        "a duration from 1m to 24h, as 15m or 1h",
        "15m",
    ),
    Option(
        "trusted_proxy",
        "ADDRESS",
        "none",
        "address or network of a proxy whose X-Forwarded-For and -Proto are believed (may be given several "
        "times)",
        "an IP address or network",
        "10.0.0.5",
        repeatable=True,
    ),
    Option(
        "issuer_network",
        "ADDRESS",
        "none",
        "address or network where OpenID Connect issuers may be though it is not public; all others that "
        "are not public stay closed to AssumeRoleWithWebIdentity (may be given several times)",
        "an IP address or network",
        "10.20.0.0/16",
        repeatable=True,
    ),
    Option(
        "events_file",
        "FILE",
        "none",
        "append every event to this file, as EventBridge's JSON, one a line; it may be rotated at any time",
        "a path",
        "/var/log/moorage/events.jsonl",
    ),
    Option(
        "events_webhook",
        "URL",
        "none",
        "post every event to this URL, signed with --events-webhook-secret",
        "an https URL, or an http URL of this machine",
        "https://ci.example.org/moorage",
    ),
    Option(
        "events_webhook_secret",
        "SECRET",
        "none",
        "what --events-webhook's requests are signed with (HMAC-SHA-256); best given by the variable",
        "a text of 16 to 256 letters, digits, - and _",
        "a-long-random-text-0123",
    ),
    Option(
        "events_endpoint",
        "URL",
        "none",
        "put every event on the default bus of this EventBridge-compatible endpoint; `aws` is AWS's own. "
        "Credentials come from the environment, as the AWS CLI finds them",
        "aws, or an http(s) URL",
        "https://events.example.org",
    ),
    Option(
        "events_source",
        "TEXT",
        "aws.codecommit",
        "source of the events for --events-endpoint; AWS's own takes none that begins with aws.",
        "a text of at most 256 letters, digits, dots, - and _",
        "moorage.codecommit",
    ),
    Option(
        "sns_endpoint",
        "URL",
        "none",
        "where triggers publish that name an SNS topic; `aws` is AWS's own. Without it they are not sent",
        "aws, or an http(s) URL",
        "http://localhost:4566",
    ),
    Option(
        "lambda_endpoint",
        "URL",
        "none",
        "where triggers invoke that name a Lambda function; `aws` is AWS's own. Without it they are not sent",
        "aws, or an http(s) URL",
        "http://localhost:4566",
    ),
    Option(
        "metrics_token",
        "TOKEN",
        "made, in DATA/metrics-token",
        "bearer token that /metrics asks for",
        "a text of 16 to 256 letters, digits, - and _",
        "a-long-random-text-0123",
    ),
    Option(
        "log_format",
        "FORMAT",
        "console on a terminal, else json",
        "form of the log lines on standard error",
        "json or console",
        "json",
        choices=("json", "console"),
    ),
    Option(
        "demo",
        None,
        "off",
        "make a user `demo` and a sample repository, and print lines to paste",
        "true or false",
        "true",
    ),
    Option(
        "test_mode",
        None,
        "off",
        "for test suites: adds /_moorage/reset and /_moorage/clock, which ask for no credentials. "
        "Loopback and one worker only",
        "true or false",
        "true",
    ),
)

BY_NAME = {option.name: option for option in OPTIONS}
