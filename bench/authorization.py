"""Decisions a second on one core, and signed GetCallerIdentity beside moto's server.

    python3 dev.py bench authorization [--quick]

A principal has ten policies as large as IAM allows, 6,144 characters each, and asks many different
questions; policies are compiled and kept, as the service keeps them. The floor is what the design
promises, divided by 1.5 for noise.

moto is a mock: it checks no signature and asks no policy here. It takes part where `moto_server` is on
PATH, or named by MOTO_SERVER.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import _load
import _moorage
from _measure import Account
from _rival import free_port, process, wait_for

from moorage.auth.gate import Permissions
from moorage.core.arn import Arn
from moorage.core.principal import Caller, Principal
from moorage.policy import Access, NamedPolicy, PolicySet, decide, parse

POLICIES = 10
POLICY_CHARACTERS = 6_144  # without white space, as IAM counts
DECISIONS_PER_SECOND = 20_000 / 1.5
CONNECTIONS = 32

ACCOUNT = "123456789012"
MARY = Principal(
    "user", Arn(f"arn:aws:iam::{ACCOUNT}:user/mary"), ACCOUNT, "aws", "AIDAEXAMPLE", user_name="mary"
)
CALLER = Caller(MARY, "us-east-2", "bench", datetime(2026, 11, 24, tzinfo=UTC), user_agent="git/2.39.5")


def statements() -> Iterator[dict[str, object]]:
    """Yield statements as policies of developers have them, each about something else."""
    for number in itertools.count():
        team = f"arn:aws:codecommit:*:{ACCOUNT}:team-{number}-*"
        yield {
            "Sid": f"Read{number}",
            "Effect": "Allow",
            "Action": ["codecommit:Get*", "codecommit:List*", "codecommit:BatchGet*", "codecommit:GitPull"],
            "Resource": team,
        }
        yield {
            "Sid": f"Write{number}",
            "Effect": "Allow",
            "Action": ["codecommit:GitPush", "codecommit:CreateBranch", "codecommit:CreateCommit"],
            "Resource": [team, f"arn:aws:codecommit:*:{ACCOUNT}:${{aws:username}}-{number}"],
            "Condition": {"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "127.0.0.0/8"]}},
        }
        yield {
            "Sid": f"Guard{number}",
            "Effect": "Deny",
            "Action": ["codecommit:GitPush", "codecommit:DeleteBranch", "codecommit:PutFile"],
            "Resource": team,
            "Condition": {
                "StringEqualsIfExists": {"codecommit:References": ["refs/heads/main", "refs/heads/prod"]},
                "Null": {"codecommit:References": "false"},
            },
        }
        yield {
            "Sid": f"Bucket{number}",
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:PutObject", "s3:ListBucket"],
            "Resource": [f"arn:aws:s3:::artifacts-{number}", f"arn:aws:s3:::artifacts-{number}/*"],
        }
        yield {
            "Sid": f"Own{number}",
            "Effect": "Allow",
            "Action": ["iam:*AccessKey*", "iam:*SSHPublicKey*", "iam:GetUser"],
            "Resource": "arn:aws:iam::*:user/${aws:username}",
        }


def policies() -> PolicySet:
    """Return ten policies, each as large as it may be."""
    source = statements()
    made = []
    for number in range(POLICIES):
        held: list[dict[str, object]] = []
        while len(text := document([*held, following := next(source)])) <= POLICY_CHARACTERS:
            held.append(following)
        text = document(held)
        padding = "x" * (POLICY_CHARACTERS - len(text))
        text = text.replace('"Id":""', f'"Id":"{padding}"')
        made.append(NamedPolicy(f"arn:aws:iam::{ACCOUNT}:policy/p{number}", parse(text, "identity")))
    return PolicySet(tuple(made))


def document(held: Sequence[dict[str, object]]) -> str:
    return json.dumps({"Version": "2012-10-17", "Id": "", "Statement": held}, separators=(",", ":"))


def questions() -> list[tuple[str, str, dict[str, tuple[str, ...]]]]:
    """Return what is asked: allowed early and late, denied by a guard, and by nothing allowing."""
    repositories = [
        f"arn:aws:codecommit:us-east-2:{ACCOUNT}:team-{number}-api" for number in (0, 20, 39, 999)
    ]
    refs: dict[str, tuple[str, ...]] = {"codecommit:References": ("refs/heads/main",)}
    asked: list[tuple[str, str, dict[str, tuple[str, ...]]]] = []
    for repository in repositories:
        asked += [
            ("codecommit:GitPull", repository, {}),
            ("codecommit:GitPush", repository, {}),
            ("codecommit:GitPush", repository, refs),
            ("codecommit:GetRepository", repository, {}),
        ]
    asked.append(("codecommit:DeleteRepository", repositories[0], {}))
    asked.append(("iam:CreateAccessKey", str(MARY.arn), {}))
    return asked


def decisions(seconds: float) -> tuple[float, float]:
    """Return decisions a CPU second: of the engine alone, and with the condition keys of a request made."""
    permissions = Permissions(CALLER, policies())
    asked = questions()
    accesses: list[Access] = [permissions.access(*each) for each in asked]
    reasons = {decide(access, permissions.policies).reason for access in accesses}
    assert reasons == {"allowed", "explicit deny", "implicit deny"}, reasons

    def engine() -> None:
        for access in accesses:
            decide(access, permissions.policies)

    def whole() -> None:
        for each in asked:
            permissions.decide(*each)

    best = [0.0, 0.0]
    for _ in range(5):
        for at, work in enumerate((engine, whole)):
            rounds, started = 0, time.process_time()
            while (spent := time.process_time() - started) < seconds / 10:
                work()
                rounds += 1
            best[at] = max(best[at], rounds * len(asked) / spent)
    return best[0], best[1]


@contextlib.contextmanager
def moto(folder: Path, program: str) -> Iterator[tuple[int, Account]]:
    """Serve moto until the block ends."""
    port = free_port()
    folder.mkdir()
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(folder), "MOTO_SERVICE": "sts"}
    # moto may be installed apart: it is no dependency of ours.
    if "PYTHONPATH" in os.environ:
        environment["PYTHONPATH"] = os.environ["PYTHONPATH"]
    with (
        contextlib.closing(Account("moto")) as account,
        process([program, "-H", "127.0.0.1", "-p", str(port)], environment, account, folder / "log"),
    ):
        wait_for(port)
        yield port, account


def identity(seconds: float) -> None:
    """Print what GetCallerIdentity reaches, and moto's figure beside it."""
    program = os.environ.get("MOTO_SERVER") or shutil.which("moto_server")
    with tempfile.TemporaryDirectory(prefix="moorage-bench-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        server = stack.enter_context(_moorage.running(folder / "moorage"))
        sides = [("moorage", server.port, server.account)]
        if program is not None:
            port, account = stack.enter_context(moto(folder / "moto", program))
            sides.append(("moto", port, account))
        rates: dict[str, list[float]] = {side[0]: [] for side in sides}
        costs: dict[str, list[float]] = {side[0]: [] for side in sides}
        for _ in range(3):
            for side, port, account in sides:
                request = server.signed_form(port, "sts", b"Action=GetCallerIdentity&Version=2011-06-15")
                warm = _load.run(port, [request], [200], connections=CONNECTIONS, exchanges=3)
                exchanges = max(5, int(warm.per_second * seconds / CONNECTIONS))
                before = account.seconds()
                load = _load.run(port, [request], [200], connections=CONNECTIONS, exchanges=exchanges)
                rates[side].append(load.per_second)
                costs[side].append((account.seconds() - before) * 1000 / load.exchanges)
    for side, found in rates.items():
        print(
            f"| GetCallerIdentity, signed, {CONNECTIONS} connections: {side} | {max(found):.0f}/s |"
            f" {min(costs[side]):.2f} ms CPU |"
        )
    figures = {side: round(max(found), 1) for side, found in rates.items()}
    if "moto" in rates:
        ratio = max(rates["moorage"]) / max(rates["moto"])
        print(f"| moorage / moto | {ratio:.1f}x | |")
        figures["ratio"] = round(ratio, 2)
    else:
        print("| moto | not at hand: put moto_server on PATH, or name it by MOTO_SERVER | |")
    print(json.dumps({"case": "GetCallerIdentity", "connections": CONNECTIONS, **figures}), file=sys.stderr)


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure decisions, and signed GetCallerIdentity.")
    parser.add_argument("--quick", action="store_true", help="a second for each figure")
    seconds = 1.0 if parser.parse_args().quick else 5.0
    engine, whole = decisions(seconds)
    good = engine >= DECISIONS_PER_SECOND
    print("| what | a second on one core | |")
    print("| --- | --- | --- |")
    print(
        f"| decisions, {POLICIES} policies of {POLICY_CHARACTERS:,} characters | {engine:,.0f}/s |"
        f"{'' if good else ' UNDER ITS FLOOR'} |"
    )
    print(f"| the same, the request's condition keys made each time | {whole:,.0f}/s | |")
    print(
        json.dumps({"case": "decisions", "per_second": round(engine), "with_context": round(whole)}),
        file=sys.stderr,
    )
    identity(seconds)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
