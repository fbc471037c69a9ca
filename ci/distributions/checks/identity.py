"""Check that these are this package's: file names, size, metadata, entry points."""

from __future__ import annotations

import configparser
import re
from typing import TYPE_CHECKING

from packaging.metadata import Metadata
from packaging.specifiers import SpecifierSet
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)

from ci.distributions.checks import Finding, requirements
from ci.distributions.manifest import FILE_NAME
from ci.distributions.metadata import is_version, metadata_path, stated_versions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from packaging.utils import NormalizedName
    from packaging.version import Version

    from ci.distributions.checks import Subject
    from ci.package.project import Project

_LARGEST = 3


def file_names(project: Project, folder: Path) -> Iterator[Finding]:
    """Check that there are exactly one sdist and one wheel, of this package and one version."""
    kinds = []
    versions = set()
    for path in sorted(folder.iterdir()):
        kind, identity = _identify(path.name)
        if identity is None or identity[0] != project.normalized_name:
            yield Finding(
                path.name,
                "",
                "file-name",
                f"it is not a distribution of {project.name}",
                "correct the build backend's configuration: it must make an sdist and a wheel"
                " of that name",
            )
            continue
        versions.add(identity[1])
        if kind in kinds:
            yield Finding(
                path.name,
                "",
                "file-name",
                f"there is more than one {kind} of {project.name}",
                "correct the build backend's configuration: it must make only one",
            )
        kinds.append(kind)
    for kind in sorted({"sdist", "wheel"}.difference(kinds)):
        yield Finding(
            project.name,
            "",
            "file-name",
            f"there is no {kind}",
            "correct the build backend's configuration: it must make one",
        )
    if len(versions) > 1:
        yield Finding(
            project.name,
            "",
            "file-name",
            f"its distributions have different versions: {', '.join(map(str, sorted(versions)))}",
            "keep the version in one place, for the sdist and the wheel",
        )


def _identify(name: str) -> tuple[str, tuple[NormalizedName, Version] | None]:
    if not FILE_NAME.fullmatch(name):
        return "", None
    try:
        if name.endswith(".whl"):
            return "wheel", parse_wheel_filename(name)[:2]
        if name.endswith(".tar.gz"):
            return "sdist", parse_sdist_filename(name)
    except (InvalidSdistFilename, InvalidWheelFilename):
        pass
    return "", None


def size(subject: Subject) -> Iterator[Finding]:
    """Find a distribution that is larger than [tool.ci] max-size; name its largest members."""
    found = subject.archive.path.stat().st_size
    limit = subject.project.settings.max_size
    if found <= limit:
        return
    largest = sorted(subject.archive.members, key=lambda member: -len(member.content))[:_LARGEST]
    names = ", ".join(f"{member.path} ({len(member.content):,} bytes)" for member in largest)
    yield subject.finding(
        "",
        "size",
        f"it has {found:,} bytes, the limit is {limit:,}; the largest members are {names}",
        "leave them out, or raise max-size in [tool.ci]",
    )


def metadata(subject: Subject) -> Iterator[Finding]:
    """Check that the core metadata is valid and agrees with pyproject.toml and the file name."""
    member = metadata_path(subject.archive.path)
    content = subject.archive.files.get(member)
    if content is None:
        yield subject.finding(
            member, "metadata", "it is missing", "correct the build backend's configuration"
        )
        return
    try:
        differences = list(_differences(subject, Metadata.from_email(content)))
    except (RecursionError, ValueError):  # thousands of parentheses in a condition, or of digits
        yield subject.finding(
            member, "metadata", "it is too complex to be read", "fix [project] in pyproject.toml"
        )
        return
    except ExceptionGroup as group:
        for error in group.exceptions:
            yield subject.finding(
                member, "metadata", f"it is invalid ({error})", "fix [project] in pyproject.toml"
            )
        return
    for found in differences:
        yield subject.finding(
            member,
            "metadata",
            found,
            "let the build backend take it from pyproject.toml; keep the version in one place",
        )


def _differences(subject: Subject, parsed: Metadata) -> Iterator[str]:
    project = subject.project
    _, identity = _identify(subject.archive.path.name)
    pairs: list[tuple[str, object, object]] = [
        ("name", canonicalize_name(parsed.name), project.normalized_name),
        ("version", parsed.version, identity[1] if identity else None),
    ]
    if project.static_version is not None and not is_version(
        project.static_version, parsed.version
    ):
        pairs.append(("version", parsed.version, project.static_version))
    if "requires-python" not in project.dynamic:
        said = parsed.requires_python or SpecifierSet()
        pairs.append(("requires-python", said, project.requires_python))
    if "optional-dependencies" not in project.dynamic:
        extras = [canonicalize_name(extra) for extra in parsed.provides_extra or []]
        pairs.append(("extras", ", ".join(sorted(extras)), ", ".join(sorted(project.extras))))
    for key, found, wanted in pairs:
        if found != wanted:
            yield f"its {key} is {str(found)!a}, not {str(wanted)!a}"
    yield from requirements.differences(project, parsed.requires_dist or [])


def entry_points(subject: Subject) -> Iterator[Finding]:
    """Check that the entry points and scripts are those of [project] in pyproject.toml."""
    if subject.is_wheel:
        yield from _entry_points(subject, f"{subject.stem}.dist-info/entry_points.txt")
        return
    for member in subject.archive.files:
        if member.endswith(".egg-info/entry_points.txt"):  # setuptools obeys it in a build
            yield from _entry_points(subject, member)


def _entry_points(subject: Subject, member: str) -> Iterator[Finding]:
    text = subject.archive.files.get(member, b"").decode("utf-8", "replace")
    for line in text.split("\n"):
        if not (line.isprintable() and _ENTRY_LINE.fullmatch(line)):
            yield subject.finding(
                member,
                "entry-points",
                f"programs read its line {line!a} differently",
                _ENTRY_REMEDY,
            )
            return
    parser = configparser.RawConfigParser(delimiters=("=",), strict=True, default_section="")
    parser.optionxform = str  # type: ignore[assignment,method-assign] # names keep their case
    try:
        parser.read_string(text)
    except configparser.Error as error:
        yield subject.finding(
            member, "entry-points", f"it can't be read ({error.message!a})", _ENTRY_REMEDY
        )
        return
    found = _points({section: dict(parser.items(section)) for section in parser.sections()})
    wanted = _points(subject.project.entry_points)
    for group, name, value in sorted(found ^ wanted):
        if _DYNAMIC.get(group, "entry-points") not in subject.project.dynamic:
            kind = "the wheel" if subject.is_wheel else "the sdist"
            only = "pyproject.toml" if (group, name, value) in wanted else kind
            yield subject.finding(
                member,
                "entry-points",
                f"only {only} has {name} = {value} in {group}",
                _ENTRY_REMEDY,
            )


# A group, a point or nothing. Of comments, other line ends, indented lines and text behind a group
# configparser, importlib.metadata and installers each make something else.
_ENTRY_LINE = re.compile(r"\[[^\[\]]+\]|[^\s=\[#;][^=]*=.+|")
_ENTRY_REMEDY = "declare scripts and entry points in [project] of pyproject.toml, nowhere else"
_DYNAMIC = {"console_scripts": "scripts", "gui_scripts": "gui-scripts"}


def _points(groups: dict[str, dict[str, str]]) -> set[tuple[str, str, str]]:
    return {
        (group, name, "".join(value.split()))
        for group, points in groups.items()
        for name, value in points.items()
    }


def stated_version(subject: Subject) -> Iterator[Finding]:
    """Check that a literal `__version__` in the wheel equals the wheel's version."""
    if not subject.is_wheel:
        return
    version = parse_wheel_filename(subject.archive.path.name)[1]
    for member, stated in stated_versions(subject.archive, subject.project.import_name):
        if not is_version(stated, version):
            yield subject.finding(
                member,
                "stated-version",
                f"its __version__ is {stated!a}, but the wheel's version is {version}",
                "keep the version in one place",
            )
