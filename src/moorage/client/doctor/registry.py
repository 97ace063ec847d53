"""Every check, in the order in which a person would look; to add one is to add a line here."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from moorage.client.doctor import server_checks
from moorage.client.doctor.checks import (
    aws_files_and_programs,
    certificates_and_pushes,
    clone_urls,
    credentials,
    git_itself,
    helper_lines,
    helper_order,
)
from moorage.client.doctor.facts import Facts, Target
from moorage.client.doctor.finding import Finding

Check = Callable[[Facts], Iterator[Finding]]
TargetCheck = Callable[[Facts, Target], Iterator[Finding]]

# What is looked at of each URL over https.
OVER_HTTPS: tuple[TargetCheck, ...] = (
    clone_urls.names_no_user,
    clone_urls.has_no_trailing_slash,
    clone_urls.host_is_in_lower_case,
    clone_urls.is_not_plain_http,
    clone_urls.is_a_repository,
    helper_order.no_other_helper_comes_first,
    helper_order.no_signature_is_stored,
    helper_order.git_credentials_are_not_hidden,
    helper_order.section_is_obeyed,
    helper_order.there_is_a_helper,
    helper_order.path_is_sent,
    helper_order.no_other_helper_comes_after,
    helper_lines.quotes_are_right,
    helper_lines.exclamation_mark_is_there,
    helper_lines.profile_is_quoted,
    helper_lines.host_passes_aws_check,
    helper_lines.moorage_knows_the_host,
    helper_lines.aws_is_found,
    helper_lines.arguments_are_passed,
    helper_lines.it_answers_soon,
    credentials.token_fits_the_helpers,
    certificates_and_pushes.certificates_agree,
    certificates_and_pushes.certificate_files_are_there,
    certificates_and_pushes.schannel_sees_the_certificates,
    certificates_and_pushes.pushes_outlive_no_signature,
    server_checks.certificates_are_checked,
    server_checks.the_way_is_open,
    server_checks.the_clock_is_right,
    server_checks.empty_passwords_are_asked_for,
    server_checks.pushes_are_allowed,
)
# What is looked at of every URL, codecommit:// too.
OF_EACH: tuple[TargetCheck, ...] = (
    clone_urls.codecommit_url_has_a_name,
    clone_urls.remote_helper_is_there,
    helper_lines.interpreter_is_there,
    credentials.profile_is_known,
    credentials.there_are_credentials,
    credentials.keys_are_whole,
    credentials.credentials_are_fresh,
    credentials.sign_in_is_fresh,
    credentials.regions_agree,
)


def _over_https(check: TargetCheck) -> Check:
    return lambda facts: (finding for target in facts.over_https() for finding in check(facts, target))


def _of_each(check: TargetCheck) -> Check:
    return lambda facts: (finding for target in facts.targets for finding in check(facts, target))


def _unexplained(facts: Facts, target: Target) -> Iterator[Finding]:
    """Say that a helper did not answer only where nothing else says why."""
    reasons = (finding for check in (*OVER_HTTPS, *OF_EACH) for finding in check(facts, target))
    files = facts.config.problem or facts.credentials.problem
    if not files and not any(finding.severity == "error" for finding in reasons):
        yield from helper_lines.it_answers(facts, target)


CHECKS: tuple[Check, ...] = (
    git_itself.git_is_there,
    git_itself.git_is_new_enough,
    git_itself.git_reads_its_configuration,
    git_itself.repository_names_no_programs,
    *(_over_https(check) for check in OVER_HTTPS),
    aws_files_and_programs.files_can_be_read,
    aws_files_and_programs.profile_sections_are_quoted,
    aws_files_and_programs.files_are_private,
    aws_files_and_programs.cli_is_new_enough,
    aws_files_and_programs.botocore_knows_the_sign_in,
    aws_files_and_programs.cli_obeys_the_endpoint,
    aws_files_and_programs.auto_prompt_is_off,
    *(_of_each(check) for check in OF_EACH),
    credentials.nothing_beats_the_profile,
    credentials.msys_left_the_secret_alone,
    _over_https(_unexplained),
    git_itself.libraries_are_new_enough,
    git_itself.no_program_brings_its_own_git,
)
