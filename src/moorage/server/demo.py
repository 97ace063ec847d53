"""What `--demo` makes: an IAM user with its profile, a sample repository, and lines to paste.

Everything is made through the same handlers and the same publish as a client's requests. Nothing
outside the data folder is touched; a second start finds what the first made.
"""

from __future__ import annotations

import configparser
import io
import shlex
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from moorage.core.arn import iam_arn, partition_of
from moorage.core.faults import Fault
from moorage.core.principal import Caller, Principal
from moorage.repos.access import PUSH, GitAccess
from moorage.repos.push import Push
from moorage.server import compose, demo_history
from moorage.server.connection_lines import GUIDE_REGION
from moorage.server.data_folder import DataFolder
from moorage.server.local_ca import write_private
from moorage.server.stores import open_stores
from moorage.services.codecommit import codecommit
from moorage.services.iam import iam

if TYPE_CHECKING:
    from moorage.server.service import Prepared
    from moorage.server.stores import Stores
    from moorage.services.call import Call
    from moorage.wire.dispatch import Service

USER = "demo"
REPOSITORY = "MyDemoRepo"
POLICY = "AWSCodeCommitPowerUser"
DESCRIPTION = "A sample repository to try things in."


@dataclass(frozen=True, slots=True)
class _Files:
    """The demo user's profile, in the form the AWS CLI reads."""

    config: Path
    credentials: Path

    def access_key_id(self) -> str | None:
        parser = configparser.ConfigParser(interpolation=None)
        parser.read(self.credentials, encoding="utf-8")
        return parser.get(USER, "aws_access_key_id", fallback=None)


def ensure(prepared: Prepared) -> str:
    """Make what is missing of the demo; return the lines to paste."""
    settings = prepared.settings
    region = _region(prepared)
    folder = DataFolder(settings.data).demo
    folder.mkdir(mode=0o700, exist_ok=True)
    files = _Files(folder / "config", folder / "credentials")
    stores = open_stores(settings, prepared.installation, prepared.clock)
    try:
        call = compose.calls(
            prepared.settings, prepared.installation, prepared.regions, prepared.place.endpoints, stores
        )(_root(prepared, region))
        _ensure_user(call, files)
        _ensure_repository(call, stores)
    finally:
        stores.database.close()
    write_private(files.config, _config(prepared, region).encode())
    return _lines(prepared, files, region)


def _region(prepared: Prepared) -> str:
    """Return the guide's region, or the default one where the account is in another partition."""
    own = prepared.settings.region
    return GUIDE_REGION if partition_of(own) == partition_of(GUIDE_REGION) else own


def _root(prepared: Prepared, region: str) -> Caller:
    account, partition = prepared.installation.default_account, partition_of(region)
    arn = iam_arn(partition, account, "root")
    principal = Principal("root", arn, account, partition, account)
    return Caller(
        principal, region, str(uuid.uuid4()), prepared.clock.now(), user_agent="moorage serve --demo"
    )


def _do(service: Service[Call], operation: str, call: Call, request: dict[str, object]) -> dict[str, object]:
    return dict(service.find(operation).handle(call, request) or {})


def _ensure_user(call: Call, files: _Files) -> None:
    try:
        _do(iam, "CreateUser", call, {"UserName": USER})
    except Fault as fault:
        if not fault.code.startswith("EntityAlreadyExists"):
            raise
    policy = f"arn:{call.caller.partition}:iam::aws:policy/{POLICY}"
    _do(iam, "AttachUserPolicy", call, {"UserName": USER, "PolicyArn": policy})
    listed = _do(iam, "ListAccessKeys", call, {"UserName": USER})["AccessKeyMetadata"]
    assert isinstance(listed, list)
    known = [key["AccessKeyId"] for key in listed]
    if files.access_key_id() in known:
        return
    # The file is gone, so nobody has the secrets of these keys: two of them would leave no room.
    for key_id in known:
        _do(iam, "DeleteAccessKey", call, {"UserName": USER, "AccessKeyId": key_id})
    made = _do(iam, "CreateAccessKey", call, {"UserName": USER})["AccessKey"]
    assert isinstance(made, dict)
    write_private(files.credentials, _credentials(made["AccessKeyId"], made["SecretAccessKey"]).encode())


def _ensure_repository(call: Call, stores: Stores) -> None:
    caller = call.caller
    if stores.repositories.find(caller.account_id, caller.region, REPOSITORY) is None:
        request = {"repositoryName": REPOSITORY, "repositoryDescription": DESCRIPTION}
        _do(codecommit, "CreateRepository", call, dict(request))
    access = GitAccess(stores.gate, stores.repositories, stores.opener).open(caller, REPOSITORY, PUSH)
    if access.opened.snapshot.refs.refs:
        return
    request_and_pack = demo_history.push()
    push = Push(stores.publisher, stores.gate, caller, access.opened, access.context)
    outcome = push.run(request_and_pack.request, iter([request_and_pack.pack]))
    assert not outcome.refused, outcome.refused


def _credentials(access_key_id: str, secret: str) -> str:
    return _ini(USER, {"aws_access_key_id": access_key_id, "aws_secret_access_key": secret})


def _config(prepared: Prepared, region: str) -> str:
    values = {"region": region, "output": "json", "endpoint_url": prepared.place.endpoints.api}
    if prepared.ca is not None:
        values["ca_bundle"] = str(prepared.ca)
    return _ini(f"profile {USER}", values)


def _ini(section: str, values: dict[str, str]) -> str:
    parser = configparser.ConfigParser(interpolation=None)
    parser[section] = values
    text = io.StringIO()
    parser.write(text)
    return text.getvalue()


# What leads the AWS CLI to another account, region or endpoint, whatever its profile says.
_ELSEWHERE = (
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_DEFAULT_PROFILE"),
    *("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_CODECOMMIT"),
    *("AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"),
)


def _lines(prepared: Prepared, files: _Files, region: str) -> str:
    """Return lines for a POSIX shell, right also where other certificates or keys are preset there."""
    found = prepared.place.endpoints
    exports = {
        "AWS_CONFIG_FILE": str(files.config),
        "AWS_SHARED_CREDENTIALS_FILE": str(files.credentials),
        "AWS_PROFILE": USER,
    }
    if prepared.ca is not None:
        exports |= {"AWS_CA_BUNDLE": str(prepared.ca), "GIT_SSL_CAINFO": str(prepared.ca)}
    words = " ".join(f"{name}={shlex.quote(value)}" for name, value in exports.items())
    if prepared.ca is not None:  # it is on this machine, which no proxy leads to
        words += ' NO_PROXY="localhost,${NO_PROXY-}" no_proxy="localhost,${no_proxy-}"'
    helper = (
        "-c credential.helper= -c 'credential.helper=!aws codecommit credential-helper $@' "
        "-c credential.UseHttpPath=true"
    )
    ignore = "" if "amazonaws.com" in prepared.settings.domain else " --ignore-host-check"
    helper = helper.replace(" $@", f"{ignore} $@")
    return f"""
The demo: paste these lines into a shell.

export {words}
unset {" ".join(_ELSEWHERE)}

git clone {helper} {found.clone_url(region, REPOSITORY)}

aws codecommit get-repository --repository-name {REPOSITORY} --endpoint-url {found.api}

"""
