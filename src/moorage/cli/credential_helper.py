"""`moorage credential-helper`: what `aws codecommit credential-helper` does, in a fraction of its time."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the helper takes: for help and completion. A real call is handed on before this."""
    parser.add_argument("operation", choices=("get", "store", "erase"), help="Git adds it by itself")
    parser.add_argument("--profile", metavar="NAME", help="take the credentials of this AWS profile")
    parser.add_argument("--region", help="the region to sign for, where the host does not tell it")
    parser.add_argument(
        "--ignore-host-check", action="store_true", help="sign for hosts that nobody set up, too"
    )
    parser.add_argument(
        "--password-expiry", action="store_true", help="tell Git when the password ends (2.40 and newer)"
    )
    parser.epilog = (
        "In Git's configuration, for one service: "
        '[credential "https://HOST"] helper = !moorage credential-helper, useHttpPath = true. '
        "`moorage setup` writes it."
    )


def run(arguments: argparse.Namespace) -> int:
    """Answer Git; see `client.credential_helper`."""
    from moorage.client import credential_run

    words = [arguments.operation]
    for name in ("profile", "region"):
        if getattr(arguments, name) is not None:
            words += [f"--{name}", getattr(arguments, name)]
    for name in ("ignore_host_check", "password_expiry"):
        if getattr(arguments, name):
            words.append(f"--{name.replace('_', '-')}")
    return credential_run.run(words, expiry=False)
