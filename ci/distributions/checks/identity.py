"""Are these the distributions of this package, and of one version: file names, size, metadata."""

from __future__ import annotations

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

from ci.distributions.archive import is_wheel, members
from ci.distributions.checks import Finding
from ci.distributions.metadata import is_version, metadata_path, read_member, stated_versions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from packaging.utils import NormalizedName
    from packaging.version import Version

    from ci.package.project import Project

_LARGEST = 3


def file_names(project: Project, folder: Path) -> Iterator[Finding]:
    """One sdist and one wheel, of the package's name and of one version, and nothing else."""
    kinds = []
    versions = set()
    for path in sorted(folder.iterdir()):
        kind, identity = _identify(path.name)
        if identity is None or identity[0] != project.normalized_name:
            yield Finding(
                path.name,
                "",
                "file-name",
                f"it is no distribution of {project.name}",
                "have the build make an sdist and a wheel of that name",
            )
            continue
        versions.add(identity[1])
        if kind in kinds:
            yield Finding(
                path.name,
                "",
                "file-name",
                f"it is one more {kind} of {project.name}",
                "have the build make one",
            )
        kinds.append(kind)
    for kind in sorted({"sdist", "wheel"}.difference(kinds)):
        yield Finding(
            project.name, "", "file-name", f"there is no {kind}", "have the build make one"
        )
    if len(versions) > 1:
        yield Finding(
            project.name,
            "",
            "file-name",
            f"its distributions are of several versions: {', '.join(map(str, sorted(versions)))}",
            "let sdist and wheel take the version from one place",
        )


def _identify(name: str) -> tuple[str, tuple[NormalizedName, Version] | None]:
    try:
        if name.endswith(".whl"):
            return "wheel", parse_wheel_filename(name)[:2]
        if name.endswith(".tar.gz"):
            return "sdist", parse_sdist_filename(name)
    except (InvalidSdistFilename, InvalidWheelFilename):
        pass
    return "", None


def size(project: Project, distribution: Path) -> Iterator[Finding]:
    """No larger than [tool.ci] max-size; the largest members are named."""
    found, limit = distribution.stat().st_size, project.settings.max_size
    if found <= limit:
        return
    largest = sorted(members(distribution), key=lambda member: -member.size)[:_LARGEST]
    names = ", ".join(f"{member.path} ({member.size:,} bytes)" for member in largest)
    yield Finding(
        distribution.name,
        "",
        "size",
        f"it has {found:,} bytes, the limit is {limit:,}; the largest members are {names}",
        "leave them out, or raise max-size in [tool.ci]",
    )


def metadata(project: Project, distribution: Path) -> Iterator[Finding]:
    """Valid core metadata: name and requires-python of pyproject, the file name's version."""
    member = metadata_path(distribution)
    content = read_member(distribution, member)
    if content is None:
        yield Finding(
            distribution.name, member, "metadata", "it is missing", "mend the build backend's setup"
        )
        return
    try:
        parsed = Metadata.from_email(content)
    except ExceptionGroup as group:
        for error in group.exceptions:
            yield Finding(
                distribution.name,
                member,
                "metadata",
                f"it is invalid ({error})",
                "mend [project] in pyproject.toml",
            )
        return
    _, identity = _identify(distribution.name)
    for key, found, wanted in (
        ("name", canonicalize_name(parsed.name), project.normalized_name),
        ("version", parsed.version, identity[1] if identity else None),
        ("requires-python", parsed.requires_python or SpecifierSet(), project.requires_python),
    ):
        if found != wanted:
            yield Finding(
                distribution.name,
                member,
                "metadata",
                f"its {key} is {str(found)!r}, not {str(wanted)!r}",
                "have the build backend take it from pyproject.toml, the version from one place",
            )


def stated_version(project: Project, distribution: Path) -> Iterator[Finding]:
    """Where a wheel's package states its `__version__` as a literal, it is the wheel's version."""
    if not is_wheel(distribution):
        return
    version = parse_wheel_filename(distribution.name)[1]
    for member, stated in stated_versions(distribution, project.import_name):
        if not is_version(stated, version):
            yield Finding(
                distribution.name,
                member,
                "stated-version",
                f"its __version__ is {stated!r}, and the wheel is {version}",
                "keep the version in one place",
            )
