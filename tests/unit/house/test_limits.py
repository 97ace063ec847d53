"""The page of limits says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from moorage.auth import claims, git_password, mfa, saml, session_tokens, sigv4, web_identity_fetch
from moorage.crypto import key_specs, passwords
from moorage.edge import admission, api, bodies, git_refusals, git_service, guard, imds, threads
from moorage.edge.ssh import connection, conversations, session
from moorage.git import (
    commands,
    environment,
    fetch_request,
    pkt_line,
    quarantine,
    receive_pack,
    ref_names,
    virtual_base,
)
from moorage.repos import comment_places, comments, merge, repositories
from moorage.server import listeners
from moorage.services.codecommit import (
    authors,
    comment_forms,
    commit_creation,
    conflict_resolution,
    files,
    idempotency,
    merge_conflicts,
    names,
    paths,
    trigger_forms,
)
from moorage.services.codecommit import pages as list_pages
from moorage.services.iam import oidc_providers, pages, public_keys, quotas, simulate
from moorage.services.kms import aliases, grants, policies, rotation
from moorage.services.kms import keys as kms_keys
from moorage.services.kms import tags as kms_tags
from moorage.services.sts import federated, session_policies
from moorage.storage import audit_batch, database, grace, login_profiles, request_tokens
from moorage.wire import query

PAGE = Path(__file__).parents[3] / "docs" / "mechanisms" / "limits.md"
HEADS = guard.Limits()
BOUNDS = admission.Bounds()
UNSIGNED = admission.UnsignedBounds()
PUSH = quarantine.ReceiveLimits()
SERVING = commands.TABLE["upload-pack"].limits
SSH = connection.SshBounds()
MB, GB = 1 << 20, 1 << 30


def n(number: int) -> str:
    return f"{number:,}"


LIMITS = {
    "connections of a worker": n(listeners.CONNECTION_LIMIT),
    "a request's head": f"{HEADS.head_bytes >> 10} KB",
    "headers of a request": n(HEADS.header_count),
    "time for a head": f"{HEADS.head_seconds:.0f} s",
    "pace of a body": f"{n(HEADS.body_bytes_per_second)} B/s over {HEADS.body_grace_seconds:.0f} s",
    "rest of a body": f"{HEADS.leftover_bytes // MB} MB",
    "idle between": f"{listeners.KEEP_ALIVE_SECONDS} s",
    f"work waiting for one of a worker's {threads.THREADS} threads": n(threads.QUEUE),
    "a write waiting": f"{database.BUSY_TIMEOUT_S:.0f} s",
    "age of an API signature": f"{sigv4.SKEW.seconds // 60} min",
    "validity of a presigned": f"{claims.MAX_EXPIRES.days} days",
    "age of a Git password": f"{git_password.LIFETIME.seconds // 60} min",
    "a push that began in time": f"{grace.GRACE_MS // 3_600_000} h",
    "an Authorization header": f"{git_password.MAX_AUTHORIZATION_BYTES >> 10} KB",
    "Git requests at work, of one identity": n(BOUNDS.principal),
    "Git requests at work, from one address": n(BOUNDS.address),
    "Git requests at work, on one repository": n(BOUNDS.repository),
    "a request's body": f"{git_service.FETCH_REQUEST_BYTES // MB} MB",
    "packets of a request": n(fetch_request.MAX_PACKETS),
    "one packet": f"{n(pkt_line.MAX_PACKET_BYTES)} bytes",
    "growth of a gzipped body": f"{bodies._GROWTH_LIMIT} times",
    "filters of a request": f"{n(fetch_request.MAX_FILTER_BYTES)} bytes",
    "prefixes of": n(fetch_request._MAX_PREFIXES - 1),
    "processor time of git": f"{SERVING.cpu_seconds // 60} min",
    "time of one fetch": f"{SERVING.wall_seconds // 3600:.0f} h",
    "time a client takes": f"{git_service.PIECE_SECONDS // 60:.0f} min",
    "refs of a push": n(receive_pack.FRIENDLY_REF_UPDATES),
    "the same in strict": n(receive_pack.MAX_REF_UPDATES),
    "commands of a push": f"{receive_pack.MAX_COMMAND_BYTES // MB} MB",
    "a pack ": f"{PUSH.pack_bytes // GB} GB",
    "a blob or tree": f"{PUSH.object_bytes // GB} GB",
    "a commit or annotated tag": f"{PUSH.metadata_bytes // MB} MB",
    "one allocation of git": f"{environment.MIN_ALLOCATION_BYTES // MB} MB",
    "processor time for a pack": f"{quarantine._BRIEF_SECONDS} s",
    "a branch's or tag's name": f"{ref_names.MAX_BRANCH_NAME_CHARACTERS} characters",
    "any ref's full name": f"{n(ref_names.MAX_REF_NAME_BYTES)} bytes",
    "a body for CodeCommit": f"{api.BODY_LIMITS['codecommit'] // MB} MB",
    "a body for another service": f"{api.OTHER_BODY_LIMIT // MB} MB",
    "fields of a form": n(query.MAX_FIELDS),
    "parts of a field's name": n(query.MAX_DEPTH),
    "repositories of an account": n(repositories.REPOSITORY_LIMIT),
    "a repository's description": f"{n(names.DESCRIPTION_LIMIT)} characters",
    "tags of a repository or identity": n(names.TAG_LIMIT),
    "a file of the API": f"{files.FILE_BYTES_LIMIT // MB} MB",
    "new content of a commit": f"{commit_creation.COMMIT_BYTES_LIMIT // MB} MB",
    "new content of one folder": f"{commit_creation.FOLDER_BYTES_LIMIT // MB} MB",
    "files named in such": n(commit_creation.COMMIT_FILES_LIMIT),
    "a path": f"{n(paths.PATH_LIMIT)} characters",
    "folders on the way": n(paths.FOLDERS_LIMIT),
    "an author's name, e-mail": f"{n(authors.NAME_LIMIT)}, {authors.EMAIL_LIMIT} characters",
    "a commit message of the API": f"{authors.MESSAGE_BYTES_LIMIT >> 10} KB",
    "a tag's key, value": f"{names.TAG_KEY_LIMIT}, {names.TAG_VALUE_LIMIT} characters",
    "commits between the two that are merged": n(merge.MAX_TIPS_DIVERGENCE),
    "ancestors merged to find": n(virtual_base.MAX_ANCESTORS_MERGED),
    "paths that differ in a merge": n(merge.MAX_ITEMS_TO_COMPARE),
    "files changed on both sides": n(merge.MAX_FILES_TO_LOAD),
    "one of them; all of them": f"{merge.MAX_FILE_BYTES_TO_LOAD // MB} MB; "
    f"{merge.MAX_BYTES_TO_LOAD // MB} MB",
    "lines of one of them": f"{n(merge.MAX_FILE_LINES_TO_LOAD)}; {n(merge.MAX_LINES_TO_LOAD)}",
    "entries that resolve conflicts": n(conflict_resolution.MAX_ENTRIES),
    "new content of one entry": f"{conflict_resolution.MAX_FILE_BYTES // MB} MB; "
    f"{conflict_resolution.MAX_BYTES // MB} MB",
    "files or hunks of a page": n(merge_conflicts.HUNKS_OF_A_FILE_AT_MOST),
    "users, groups, policies": f"{n(quotas.USERS_PER_ACCOUNT)}, {quotas.GROUPS_PER_ACCOUNT}, "
    f"{n(quotas.POLICIES_PER_ACCOUNT)}",
    "groups, access keys, attached": f"{quotas.GROUPS_PER_USER}, {quotas.ACCESS_KEYS_PER_USER}, "
    f"{quotas.POLICIES_PER_USER}",
    "Git credentials, SSH keys": f"{quotas.SERVICE_CREDENTIALS_PER_USER}, {quotas.SSH_KEYS_PER_USER}",
    "MFA devices of a user": f"{quotas.MFA_DEVICES_PER_USER}; {n(quotas.USERS_PER_ACCOUNT)}",
    "wrong MFA codes": n(mfa.FREE_FAILURES),
    "passwords hashed": n(passwords.AT_ONCE),
    "RSA keys made at once": n(key_specs.RSA_KEYS_AT_ONCE),
    "earlier passwords": n(login_profiles.MAX_KEPT),
    "bits of an SSH key": f"{n(public_keys.MIN_BITS)} to {n(public_keys.MAX_BITS)}",
    "SSH connections of a worker": n(SSH.connections),
    "SSH connections from one address": n(SSH.address),
    "SSH connections that have not logged in": n(SSH.startups),
    "time for a login": f"{SSH.login_seconds:.0f} s",
    "keys offered with a signature": n(SSH.attempts),
    "channels of a connection": n(SSH.channels),
    "time for a channel": f"{connection.START_SECONDS:.0f} s",
    "a connection without a channel": f"{SSH.idle_seconds // 60:.0f} min",
    "silence of a client": f"{session.SILENCE_SECONDS // 60:.0f} min",
    "time for one request of a fetch": f"{conversations.REQUEST_SECONDS:.0f} s",
    "what a client sends ahead": f"{session.WINDOW_BYTES // MB} MB",
    "versions of a policy": n(quotas.VERSIONS_PER_POLICY),
    "a managed policy": f"{n(quotas.MANAGED_POLICY_SIZE)} characters",
    "policies of a session, their ARNs included": f"{n(session_policies.POLICY_CHARACTERS)} characters; "
    f"{session_policies.POLICY_ARNS} by ARN",
    "what an identity provider says of": f"{n(federated.MAX_FACTS_CHARACTERS)} characters",
    "a session's policies and tags, packed": f"{n(session_policies.PACKED_BYTES)} bytes",
    "a session token that is looked at": f"{n(session_tokens.MAX_TOKEN_CHARACTERS)} characters",
    "a user's inline policies": f"{n(quotas.USER_INLINE_SIZE)} characters",
    "a group's inline policies": f"{n(quotas.GROUP_INLINE_SIZE)} characters",
    "a role's inline policies": f"{n(quotas.ROLE_INLINE_SIZE)} characters",
    "a role's trust policy": f"{n(quotas.TRUST_POLICY_SIZE)} characters",
    "roles, instance profiles": f"{n(quotas.ROLES_PER_ACCOUNT)}, {n(quotas.INSTANCE_PROFILES_PER_ACCOUNT)}",
    "life of a metadata token": f"{imds.MAX_TTL_SECONDS // 3600} h",
    "entries of an IAM page": n(pages.MAX_ITEMS_A_PAGE),
    "identity providers of an account": n(oidc_providers.PROVIDERS_PER_ACCOUNT),
    "client ids, thumbprints": f"{oidc_providers.CLIENT_IDS}, {oidc_providers.THUMBPRINTS}",
    "calls that nobody signs at work, from": n(UNSIGNED.address),
    "calls that nobody signs at work, of": n(UNSIGNED.node),
    "time of an issuer": f"{web_identity_fetch.SECONDS:.0f} s",
    "an issuer's document": f"{web_identity_fetch.MAX_DOCUMENT_BYTES >> 10} KB",
    "time a SAML assertion": f"{saml.LIFETIME.seconds // 60} min",
    "keys of an account": n(kms_keys.KEYS_PER_REGION),
    "aliases, tags, grants": f"{aliases.ALIASES_PER_KEY}, {kms_tags.TAGS_PER_KEY}, "
    f"{n(grants.GRANTS_PER_KEY)}",
    "a key policy": f"{n(policies.POLICY_BYTES)} bytes",
    "rotations of a key": n(rotation.ON_DEMAND_LIMIT),
    "wait before a key": "{} to {} days".format(*kms_keys.WAITING_DAYS),
    "actions times resources of a simulation": n(simulate.SIMULATED_ACCESSES),
    "statements that one page of a simulation": n(simulate.STATEMENTS_A_PAGE),
    "a comment": f"{n(comment_forms.CONTENT_LIMIT)} characters",
    "a file that takes comments": f"{comment_places.MAX_BYTES_FOR_LINES // MB} MB",
    "users who react": n(comments.REACTIONS_LIMIT),
    "comments of a page": n(list_pages.SIZES["GetCommentsForPullRequest"].maximum),
    "reactions of a page": n(list_pages.SIZES["GetCommentReactions"].maximum),
    "a request token": f"{idempotency.TOKEN_LIMIT} characters",
    "memory of a request token": f"{request_tokens.KEPT_MS // 3_600_000} h",
    "triggers of a repository": n(trigger_forms.TRIGGERS_LIMIT),
    "branches of a trigger": n(trigger_forms.BRANCHES_LIMIT),
    "custom data of a trigger": f"{n(trigger_forms.CUSTOM_DATA_LIMIT)} characters",
    "refused logins recorded in the audit": f"{audit_batch.STRANGERS_A_MINUTE} a minute and process",
}


@pytest.mark.parametrize("row", LIMITS)
def test_the_page_has_the_number_that_the_code_has(row: str) -> None:
    rows = dict(re.findall(r"^\| (.+?) \| (.*?) \| .* \|$", PAGE.read_text(), re.MULTILINE))
    found = [limit for what, limit in rows.items() if f"{what} ".startswith(row)]
    assert found == [LIMITS[row]]


def test_the_page_tells_how_much_of_a_request_an_answer_repeats() -> None:
    assert f"more than {git_refusals.REASON_CHARACTERS:,} characters" in PAGE.read_text()
