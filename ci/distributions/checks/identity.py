"""Are these the distributions of this package: file names, size, metadata."""

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

from ci.distributions.archive import files, is_wheel, members
from ci.distributions.checks import Finding, stem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from packaging.utils import NormalizedName
    from packaging.version import Version

    from ci.package.project import Project

_LARGEST = 3


def file_names(project: Project, folder: Path) -> Iterator[Finding]:
    """One sdist and one wheel, under the package's name and version, and nothing else."""
    kinds = []
    wanted = f"{project.name} {project.version}"
    for path in sorted(folder.iterdir()):
        kind, identity = _identify(path.name)
        if identity != (project.normalized_name, project.version):
            yield Finding(
                path.name,
                "",
                "file-name",
                f"it is no distribution of {wanted}",
                "have the build make an sdist and a wheel of that name and version",
            )
        elif kind in kinds:
            yield Finding(
                path.name,
                "",
                "file-name",
                f"it is one more {kind} of {wanted}",
                "have the build make one",
            )
        else:
            kinds.append(kind)
    for kind in {"sdist", "wheel"}.difference(kinds):
        yield Finding(
            project.name,
            "",
            "file-name",
            f"there is no {kind} of {wanted}",
            "have the build make one",
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
    """Valid core metadata whose name, version and requires-python are pyproject's."""
    member = f"{stem(distribution)}.dist-info/METADATA" if is_wheel(distribution) else "PKG-INFO"
    content = next((data for file, data in files(distribution) if file.path == member), None)
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
    for key, found, wanted in (
        ("name", canonicalize_name(parsed.name), project.normalized_name),
        ("version", parsed.version, project.version),
        ("requires-python", parsed.requires_python or SpecifierSet(), project.requires_python),
    ):
        if found != wanted:
            yield Finding(
                distribution.name,
                member,
                "metadata",
                f"its {key} is {str(found)!r}, that of the project is {str(wanted)!r}",
                "make the build backend take it from pyproject.toml",
            )
