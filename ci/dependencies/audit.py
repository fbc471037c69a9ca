"""Audit what is locked and what the wheel depends on: known vulnerabilities, and licences.

nox -s audit [-- --url URL]    URL: an advisory service that speaks OSV's protocol (or AUDIT_URL)

Three outcomes: nothing found; something found (audit-vulnerable, audit-exception); the service did
not answer (audit-source), so that nothing is known.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from ci.dependencies.advisories import Pin, Vulnerability, find_vulnerabilities
from ci.dependencies.lock import check, lock_file, pins, wanted
from ci.dependencies.resolve import find_wheel, licences, resolve, version_of
from ci.errors import UserError, exit_with, printable
from ci.package.project import Project, read_project

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from packaging.requirements import Requirement


@dataclass(frozen=True)
class Exemption:
    """A vulnerability that is accepted for `reason`, up to and including the day `until`."""

    id: str
    reason: str
    until: dt.date


def read_exemptions(settings: Iterable[object]) -> list[Exemption]:
    """Return the `audit-exceptions` in [tool.ci]. Raises UserError for an incomplete one."""
    return [_exemption(entry) for entry in settings]


def _exemption(entry: object) -> Exemption:
    table: dict[str, Any] = entry if isinstance(entry, dict) else {}
    texts = [table.get(key) for key in ("id", "reason")]
    until = table.get("until")
    if (
        set(table) != {"id", "reason", "until"}
        or not all(isinstance(text, str) and text.strip() for text in texts)
        or not isinstance(until, dt.date)
        or isinstance(until, dt.datetime)
    ):
        raise UserError(
            "audit-exception-form",
            f"audit-exceptions in [tool.ci] has the incomplete or invalid entry {entry!r}",
            'give each entry an id, a reason and a last day: { id = "CVE-…", reason = "…",'
            " until = 2030-12-31 }",
        )
    return Exemption(table["id"], table["reason"], until)


def collect(project: Project, resolved: Iterable[Requirement]) -> dict[Pin, list[str]]:
    """Return every pin with its places: the locks, and the dependencies of the wheel.

    Prints what has a URL in place of a version: no advisory service knows that. Raises UserError
    for a lock that is missing, broken or stale.
    """
    check(project)
    files = [lock_file(group) for group in wanted(project)]
    sources = {
        file.as_posix(): pins((project.root / file).read_text(encoding="utf-8")) for file in files
    }
    found: dict[Pin, list[str]] = {}
    for source, requirements in {**sources, "the wheel's dependencies": list(resolved)}.items():
        for pin in requirements:
            if pin.url:
                print(printable(f"not audited: {pin} ({source})"))
                continue
            where = found.setdefault((canonicalize_name(pin.name), version_of(pin)), [])
            where += [] if source in where else [source]
    return found


def judge(
    found: Sequence[Vulnerability],
    where: Mapping[Pin, Sequence[str]],
    exemptions: Sequence[Exemption],
    today: dt.date,
) -> None:
    """Print the vulnerabilities. Raises UserError for one that no exemption covers.

    Raises it too for an exemption that has expired, or that covers nothing.
    """
    valid = {each.id: each for each in exemptions if each.until >= today}
    bad = []
    for each in found:
        exemption = next((valid[name] for name in each.ids if name in valid), None)
        (name, version), fixed = each.pin, " or ".join(each.fixed_in) or "no version yet"
        pinned = ", ".join(where[each.pin])
        print(printable(f"{each.ids[0]}: {name} {version} ({pinned}): {each.summary}"))
        if exemption:
            print(f"  accepted until {exemption.until}: {exemption.reason}")
        else:
            print(f"  fixed in {fixed}; also known as {', '.join(each.ids[1:]) or 'nothing else'}")
            bad.append(f"{name} {version} ({each.ids[0]})")
    if bad:
        raise UserError(
            "audit-vulnerable",
            f"known vulnerabilities: {', '.join(bad)}",
            "for a pin in a lock, run `nox -s lock -- --upgrade`; for a dependency of the"
            " wheel, raise its lower bound; or accept it for a time with audit-exceptions in"
            " [tool.ci]",
        )
    names = {name for each in found for name in each.ids}
    stale = [f"{each.id} ended on {each.until}" for each in exemptions if each.until < today]
    stale += [
        f"{name} matches no vulnerability that was found" for name in valid if name not in names
    ]
    if stale:
        raise UserError(
            "audit-exception",
            f"audit-exceptions in [tool.ci]: {'; '.join(stale)}",
            "remove it; or set a new date, if you still accept the vulnerability",
        )


def main(argv: Sequence[str] | None = None) -> None:
    """Audit the locks in the current folder, and the dependencies of the wheel in `folder`."""
    parser = argparse.ArgumentParser(prog="nox -s audit --", description=main.__doc__)
    parser.add_argument("folder", type=Path, help="where the wheel is")
    parser.add_argument("--url", default=os.environ.get("AUDIT_URL") or None)
    arguments = parser.parse_args(argv)
    project = read_project(Path.cwd())
    exemptions = read_exemptions(project.settings.audit_exceptions)
    wheel = find_wheel(arguments.folder)
    resolved = resolve(wheel, project.python_versions[0])
    print(f"{wheel.name} depends on {len(resolved) or 'nothing'}")
    for pin, licence in licences(resolved, project.python_versions).items():
        print(printable(f"  {pin}: {licence}"))
    where = collect(project, resolved)
    found = find_vulnerabilities(where.keys(), arguments.url)
    judge(found, where, exemptions, dt.datetime.now(dt.UTC).date())
    print(f"{len(where)} pins have no known vulnerability that is not accepted")


if __name__ == "__main__":
    exit_with(main)
