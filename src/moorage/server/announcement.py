"""What `moorage serve` says on standard output once it serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage import __version__
from moorage.server import aws_names
from moorage.server.data_folder import DataFolder

if TYPE_CHECKING:
    from moorage.server.service import Prepared
    from moorage.server.settings import Settings
    from moorage.storage.accounts import NewAccount

TEST_MODE = """
  *** TEST MODE: whoever reaches this port may empty the service and shift its clock. ***
  *** Keep nothing here that you want to keep.                                        ***
"""


def announcement(settings: Settings, prepared: Prepared, *, terminal: bool) -> str:
    """Return where the service is, and on its first start the root user's access key.

    The secret is shown on a terminal only, and once: what collects output elsewhere would keep it.
    """
    lines = [f"moorage {__version__} serves {prepared.place.endpoints.api}"]
    lines += [f"  data     {settings.data}"]
    if prepared.ca is not None:
        lines += [f"  CA       {prepared.ca}"]
    if settings.aws_names:
        lines += [f"  CA       {aws_names.files(settings.data).ca} for AWS's names, in no system's store"]
    lines += _ssh(prepared)
    lines += [f"  account  {prepared.installation.default_account}"]
    made = prepared.installation.new_root
    if made is not None:
        lines += _new_root(made, DataFolder(settings.data), terminal=terminal)
    text = "\n".join(lines) + "\n"
    return text + TEST_MODE if settings.test_mode else text


def _ssh(prepared: Prepared) -> list[str]:
    """Return where SSH is served, and what to compare with what ssh shows at the first connection."""
    if prepared.ssh is None:
        return []
    lines = []
    for wanted, listener in zip(prepared.settings.ssh, prepared.ssh.listeners, strict=True):
        where = wanted._replace(address=wanted.address._replace(port=listener.port))
        lines.append(f"  ssh      {where}")
    lines += [f"           host key {key.fingerprint} ({key.kind})" for key in prepared.ssh.host_keys]
    return lines


def _new_root(made: NewAccount, folder: DataFolder, *, terminal: bool) -> list[str]:
    if not folder.root_credentials.exists():
        return [f"  root     access key {made.access_key_id}, from the environment"]
    lines = [f"  root     access key in {folder.root_credentials}"]
    if terminal:
        lines += [
            f"             Access key ID      {made.access_key_id}",
            f"             Secret access key  {made.secret_access_key.reveal()}",
            "           The secret is not shown again. Keep the file safe, or delete it once you noted it.",
        ]
    return lines
