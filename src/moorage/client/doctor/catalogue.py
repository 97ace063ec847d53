"""Every finding that doctor knows, by its id, with how much it matters.

An error keeps git from working, or gives a signature away. A warning will, on another day or for others.
A note is worth knowing and does no harm.
`docs/guides/doctor.md` has a heading for each, and the tests plant each once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Severity = Literal["error", "warning", "note"]

OF_THIS_MACHINE: Mapping[str, Severity] = {
    # git and its helpers
    "git-missing": "error",
    "git-too-old": "error",
    "git-config-broken": "error",
    "manager-answers-first": "error",
    "keychain-answers-first": "error",
    "other-helper-first": "error",
    "other-helper-after": "note",
    "stored-signature": "error",
    "git-credentials-ignored": "error",
    "no-helper": "error",
    "use-http-path-unset": "error",
    "helper-quoting": "error",
    "helper-lacks-exclamation-mark": "error",
    "helper-without-arguments": "note",
    "profile-unquoted": "error",
    "section-ignored": "error",
    "host-check-refuses": "error",
    "host-not-set-up": "error",
    "helper-without-answer": "error",
    "helper-slow": "warning",
    "helper-of-repository": "warning",
    "repository-names-programs": "note",
    # URLs
    "user-in-url": "warning",
    "trailing-slash": "warning",
    "upper-case-host": "warning",
    "plain-http": "error",
    "not-a-repository-url": "warning",
    "pasted-host": "error",
    # programs
    "aws-not-found": "error",
    "aws-too-old": "error",
    "bad-interpreter": "error",
    "remote-helper-missing": "error",
    "old-botocore": "error",
    "endpoint-ignored": "warning",
    "old-tls-library": "warning",
    "own-git": "note",
    # AWS's files, profiles and credentials
    "aws-file-broken": "error",
    "aws-files-readable": "warning",
    "profile-section-unquoted": "warning",
    "unknown-profile": "error",
    "no-credentials": "error",
    "session-token-missing": "error",
    "session-token-left-over": "error",
    "credentials-expired": "error",
    "sso-expired": "error",
    "login-expired": "error",
    "environment-keys-win": "warning",
    "profiles-disagree": "warning",
    "mangled-by-msys": "error",
    "region-differs": "note",
    "region-missing": "error",
    "token-too-long": "warning",
    "auto-prompt": "warning",
    # the way to the server
    "ca-settings-disagree": "warning",
    "ca-file-missing": "error",
    "ca-ignored-by-schannel": "warning",
    "push-outlives-signature": "note",
    "big-push": "note",
}

OF_THE_SERVER: Mapping[str, Severity] = {
    # the way to it
    "host-not-found": "error",
    "no-connection": "error",
    "certificate-refused": "error",
    "certificate-unchecked": "warning",
    "clock-skew": "error",
    "no-password-asked": "error",
    "empty-password-refused": "error",
    # what the server says
    "signature-refused": "error",
    "access-denied": "error",
    "key-denied": "error",
    "refused-without-reason": "error",
    "repository-unknown": "error",
    "server-busy": "warning",
    "server-failed": "error",
    "push-denied": "note",
    # policies, where doctor is asked to read them
    "guard-forgets-actions": "warning",
    "guard-stops-every-push": "warning",
    "policies-not-read": "note",
}

CATALOGUE: Mapping[str, Severity] = {**OF_THIS_MACHINE, **OF_THE_SERVER}
