"""What doctor prints: findings for people, the gravest first, or JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from moorage.client.doctor.catalogue import Severity
from moorage.client.doctor.facts import Facts
from moorage.client.doctor.finding import Finding, printable
from moorage.client.doctor.registry import CHECKS, Check

_ORDER: dict[Severity, int] = {"error": 0, "warning": 1, "note": 2}


def diagnose(facts: Facts, checks: Iterable[Check] = CHECKS) -> list[Finding]:
    """Return every finding once, the gravest first, else in the order of the checks."""
    found: dict[tuple[str, str, str], Finding] = {}
    for check in checks:
        for finding in check(facts):
            found.setdefault((finding.id, finding.problem, finding.evidence), finding)
    return sorted(found.values(), key=lambda finding: _ORDER[finding.severity])


def as_text(facts: Facts, findings: list[Finding]) -> str:
    """Return lines for a person."""
    return "".join(f"{line}\n" for line in _lines(facts, findings))


def _lines(facts: Facts, findings: list[Finding]) -> Iterator[str]:
    for target in facts.targets:
        yield f"looked at {printable(target.url.text)} ({printable(target.where)})"
        if not target.is_trusted:
            yield "    its host is not set up, so that it was sent no signature"
    if not facts.targets:
        yield "no remote here and no host set up: looked at this machine only; name a URL for more"
    for finding in findings:
        yield ""
        yield f"{finding.severity}: {finding.problem} [{finding.id}]"
        yield f"    found:  {finding.evidence}"
        yield f"    so:     {finding.consequence}"
        yield f"    do:     {finding.remedy}"
    yield ""
    yield _summary(findings)


def _summary(findings: list[Finding]) -> str:
    if not findings:
        return "nothing is wrong"
    counts = {severity: sum(finding.severity == severity for finding in findings) for severity in _ORDER}
    told = [f"{count} {severity}{'' if count == 1 else 's'}" for severity, count in counts.items() if count]
    fixable = sum(bool(finding.fix) for finding in findings)
    return ", ".join(told) + (f"; moorage doctor --fix can repair {fixable}" if fixable else "")


def as_json(findings: Iterable[Finding]) -> str:
    """Return one JSON object: {"findings": [{"id", "severity", "problem", "evidence", …}]}."""
    told = [
        {
            "id": finding.id,
            "severity": finding.severity,
            "problem": finding.problem,
            "evidence": finding.evidence,
            "remedy": finding.remedy,
            "fixable": bool(finding.fix),
        }
        for finding in findings
    ]
    return json.dumps({"findings": told}, indent=2) + "\n"
