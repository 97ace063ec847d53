"""What setup does beside the section: AWS's addresses led to a server, and the AWS CLI's profile."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from moorage.client import discovery
from moorage.client.changes import Change
from moorage.client.machine import Machine, printable
from moorage.client.setup import aws_profile, routing
from moorage.client.setup.facts import Facts
from moorage.client.setup.found import Found
from moorage.client.setup.options import Options
from moorage.client.setup.plan import Choices, Plan, plan
from moorage.client.setup.routing import RouteRefused, Section
from moorage.client.setup.target import of_aws


def changes(
    machine: Machine, facts: Facts, found: Found, *, made: Plan, choices: Choices, options: Options
) -> Plan:
    """Return a plan with what --route and --aws-config add to it.

    Raises:
        RouteRefused, ProfileRefused, NotDiscovered: it cannot be done; the message says what to do.
    """
    if options.route is not None:
        made = _routed(machine, facts, found, made=made, choices=choices, options=options)
    if options.aws_config is not None:
        more = _aws_config(machine, facts, found, choices=choices, only_ours=options.aws_config == "services")
        made = Plan([*made.changes, *more.changes], [*made.notes, *more.notes])
    return made


def _routed(
    machine: Machine, facts: Facts, found: Found, *, made: Plan, choices: Choices, options: Options
) -> Plan:
    target, way = found.target, options.route
    if target.discovered is None:
        raise RouteRefused("--route leads AWS's addresses to a moorage server: give the server's URL")
    regions = [options.region] if options.region else list(target.discovered.regions)
    regions = [region for region in regions if _is_aws(region)]
    extra: list[Change] = []
    if way == "rewrite":
        prefixes = {region: target.discovered.clone_url_prefixes[region] for region in regions}
        sections = routing.rewrite(prefixes, default_region=target.region, profile=choices.profile)
    else:
        if not options.route_to:
            needed = "the server's IP address" if way == "resolve" else "the proxy, http://HOST:PORT"
            raise RouteRefused(f"--route {way} needs --route-to: {needed}")
        ca = _aws_names_ca(machine, found)
        extra.append(ca)
        made = _with_aws_sections(facts, made, regions, choices)
        windows = machine.system == "windows"
        if way == "resolve":
            version = facts.git.version
            sections = routing.resolve(regions, options.route_to, str(ca.path), version, windows=windows)
        else:
            sections = routing.by_proxy(regions, options.route_to, str(ca.path), windows=windows)
    notes = routing.limits(way) if way else []
    return Plan([*_written(facts, made.changes, sections), *extra], [*made.notes, *notes])


def _written(facts: Facts, made: Iterable[Change], sections: list[Section]) -> list[Change]:
    """Add sections to git's file, whether the plan changes it already or not."""
    made = list(made)
    its = next((each for each in made if each.path == facts.file), None)
    text = (facts.text if its is None else its.after) or ""
    why = (f"{its.why}; " if its else "") + "lead AWS's addresses to the server"
    return [
        *(each for each in made if each is not its),
        Change(facts.file, facts.text, routing.written(text, sections), why),
    ]


def _with_aws_sections(facts: Facts, made: Plan, regions: list[str], choices: Choices) -> Plan:
    """Sign for AWS's names too: they stay in the URL, and the helper signs what git asks for."""
    its = next((each for each in made.changes if each.path == facts.file), None)
    so_far = facts._replace(text=facts.text if its is None else its.after)
    for region in {region.startswith("cn-"): region for region in regions}.values():
        more = plan(so_far, of_aws(None, region, facts.git.version), Choices(choices.profile))
        so_far = so_far._replace(text=more.changes[0].after if more.changes else so_far.text)
    others = [each for each in made.changes if each is not its]
    why = its.why if its else "sign in at AWS's names"
    return Plan([*others, Change(facts.file, facts.text, so_far.text, why)], made.notes)


def _aws_names_ca(machine: Machine, found: Found) -> Change:
    told, base = found.target.discovered, found.target.base
    assert told is not None
    assert base is not None
    if told.aws_names_ca is None:
        raise RouteRefused(
            "the server has no certificate for AWS's names: start it with --aws-names, or use --route rewrite"
        )
    trusted = None if found.trusted is None else str(found.trusted)
    text = discovery.certificates(base, told.aws_names_ca, machine.environment, trusted)
    host = urlsplit(base).netloc.replace(":", "-").replace("[", "").replace("]", "")
    path = machine.config_folder / f"aws-names-{host}.pem"
    return Change(path, machine.read(path), text, "the CA of the server's certificate for AWS's names")


def _aws_config(machine: Machine, facts: Facts, found: Found, *, choices: Choices, only_ours: bool) -> Plan:
    told = found.target.discovered
    if told is None:
        raise RouteRefused("--aws-config writes a moorage server's endpoint: give the server's URL")
    ca = None if found.trusted is None else str(found.trusted)
    name = choices.profile or facts.environment.get("AWS_PROFILE") or "default"
    profile = aws_profile.Profile(
        name,
        region=found.target.region,
        endpoint_url=told.endpoints["codecommit"],
        ca_bundle=ca,
        for_services=only_ours,
    )
    notes = _old_cli_notes(machine, facts, told.endpoints["codecommit"], ca)
    if only_ours and ca is not None:
        notes.append(
            "the profile's other services stay at AWS, for which this CA does not vouch, so no ca_bundle is "
            f"written: set AWS_CA_BUNDLE to {ca} for commands that go to the server"
        )
    return Plan([aws_profile.change(Path(facts.aws_config), facts.aws_config_text, profile)], notes)


def _old_cli_notes(machine: Machine, facts: Facts, endpoint: str, ca: str | None) -> list[str]:
    if facts.aws is None:
        return []
    told = machine.run([facts.aws, "--version"])
    said = printable((told.stdout or told.stderr).strip().partition(" ")[0])
    if not routing.ignores_endpoint_url(said):
        return []
    line = routing.wrapper(endpoint, ca, windows=machine.system == "windows").strip()
    where = "PowerShell's profile" if machine.system == "windows" else "the shell's startup file"
    return [f"{said} ignores endpoint_url and would go to AWS: upgrade it, or put this into {where}: {line}"]


def _is_aws(region: str) -> bool:
    try:
        routing.aws_hosts(region)
    except RouteRefused:
        return False
    return True
