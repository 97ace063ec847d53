"""`moorage verify`: check every repository's blobs, objects and refs. May run while the service does."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import TYPE_CHECKING

from moorage.cli import options, progress

if TYPE_CHECKING:
    from moorage.repos.verify import Finding

_SETTINGS = ("data", "database", "blobs", "root_key", "cache")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--json", action="store_true", help="print JSON")
    options.add(parser, _SETTINGS)


def run(arguments: argparse.Namespace) -> int:
    """Check everything. Exit status 0 when all is well, 1 when something was found or it is refused."""
    from moorage.cli.refusals import shown

    with shown("verify"):
        from moorage.repos.verify import Verifier
        from moorage.server.existing import stores
        from moorage.server.settings_load import load

        settings = load(options.given(arguments), config=arguments.config)
        findings: list[Finding] = []
        with stores(settings, os.environ) as made, progress.bar("repositories") as step:
            verifier = Verifier(made.database, made.blobs, made.opener, made.cache.quarantine)
            repository_ids = verifier.repository_ids()
            for done, repository_id in enumerate(repository_ids, 1):
                findings.extend(verifier.findings(repository_id))
                step(done, len(repository_ids))
    _show(findings, len(repository_ids), as_json=arguments.json)
    return 1 if findings else 0


def _show(findings: list[Finding], repositories: int, *, as_json: bool) -> None:
    if as_json:
        found = [{"repository": each.repository, "problem": each.problem} for each in findings]
        sys.stdout.write(json.dumps({"repositories": repositories, "findings": found}) + "\n")
        return
    for each in findings:
        sys.stdout.write(f"{each.repository}: {each.problem}\n")
    verdict = f"{len(findings)} problems" if findings else "all is well"
    sys.stdout.write(f"{repositories} repositories checked: {verdict}\n")
