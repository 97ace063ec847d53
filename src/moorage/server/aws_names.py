"""The opt-in CA for AWS's real names, so that clients routed here with unmodified URLs find a certificate.

It is another CA than the local one: who trusts the local one trusts nothing that names AWS. It may vouch
(RFC 5280 name constraints, critical) for the CodeCommit, IAM, KMS and STS hosts of the regions it was made
for, so that neither it nor who steals its key can stand for the rest of AWS. Clients name it for those
hosts alone; it belongs in no system's store.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from cryptography import x509

from moorage.server import local_ca
from moorage.server.local_ca import TlsFiles, Vouched

if TYPE_CHECKING:
    from moorage.wire.regions import Regions

log = structlog.get_logger(__name__)

CA_FILE = "aws-names-ca.pem"

_SERVICES = ("codecommit", "git-codecommit", "kms", "sts")
# Services with an endpoint for a whole partition, as AWS's endpoint lists have them.
_GLOBAL = (
    "iam.amazonaws.com",
    "iam.cn-north-1.amazonaws.com.cn",
    "iam.us-gov.amazonaws.com",
    "sts.amazonaws.com",
)


def names(regions: Regions) -> list[str]:
    """Return AWS's host names of the services spoken here, of every region served."""
    found = list(_GLOBAL)
    for region in regions:
        for service in _SERVICES:
            kinds = (service, f"{service}-fips") if regions.has_fips(region) else (service,)
            found += [f"{kind}.{region}.{regions.dns_suffix(region)}" for kind in kinds]
    return sorted(found)


def files(data: Path) -> TlsFiles:
    """Return where the files are, in the data folder."""
    folder = data / "tls"
    return TlsFiles(ca=data / CA_FILE, certificate=folder / "aws-names.pem", key=folder / "aws-names-key.pem")


def ensure(data: Path, regions: Regions, now: datetime) -> TlsFiles:
    """Return the TLS files for AWS's names, making or renewing what is missing or near its end.

    A region that the CA was not made for is left out of the certificate, and the log says what to do.

    Raises:
        LocalCaError: the CA's certificate and key are not a pair.
    """
    made = files(data)
    made.key.parent.mkdir(mode=0o700, exist_ok=True)
    wanted = names(regions)
    permitted = [x509.DNSName(name) for name in wanted]
    title = "moorage CA for AWS names"
    ca_file, ca_key = data / CA_FILE, made.key.with_name("aws-names-ca-key.pem")
    ca = local_ca.ensure_ca(ca_file, ca_key, title, permitted, now)
    allowed = _permitted(ca.certificate)
    left_out = [name for name in wanted if name not in allowed]
    if left_out:
        log.warning(
            "the CA for AWS's names was made before these: remove it and its key to have a new one, which "
            "clients must then trust",
            ca=str(ca_file),
            names=left_out,
        )
    vouched = Vouched("moorage for AWS names", [name for name in wanted if name in allowed])
    local_ca.ensure_certificate(made.certificate, made.key, ca, vouched, now)
    return made


def _permitted(ca: x509.Certificate) -> frozenset[str]:
    constraints = ca.extensions.get_extension_for_class(x509.NameConstraints).value
    return frozenset(
        name.value for name in constraints.permitted_subtrees or () if isinstance(name, x509.DNSName)
    )
