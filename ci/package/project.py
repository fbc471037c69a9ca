"""pyproject.toml, read once, as one typed value.

Everything that the pipeline knows of the package before it is built, it knows from here. The rules
are those of the packaging user guide's pyproject specification. The version is not among it: the
built wheel says it, and before that the build backend (`ci.distributions.version`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from ci.errors import UserError
from ci.package.layout import find_package
from ci.package.pyproject import load, strings, table

if TYPE_CHECKING:
    from pathlib import Path

_CLASSIFIER = re.compile(r"^Programming Language :: Python :: (3\.\d+)$")


@dataclass(frozen=True)
class Settings:
    """The table `[tool.ci]`: what a package may set differently.

    `release_branch`: a tag is released only from there. `changelog`: the file that must have an
    entry for a release, None where there is none. `sdist_include`: top-level names, besides the
    usual ones, that the sdist may hold. `allow`: glob patterns of members that may be shipped
    although their name looks private; `allow_contents`: although a line in them looks like a
    secret. `generated`: members that the build makes, so that git can't track them.
    `wheel_exclude`: files of the package that its wheel lacks on purpose. `max_size`: of one
    distribution, in bytes. `audit_exceptions`: vulnerabilities that are accepted for a time,
    a table each, as ci/dependencies/audit.py reads them.
    """

    release_branch: str = "main"
    changelog: str | None = "CHANGELOG.md"
    sdist_include: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    allow_contents: tuple[str, ...] = ()
    generated: tuple[str, ...] = ()
    wheel_exclude: tuple[str, ...] = ()
    max_size: int = 10 * 1024 * 1024
    audit_exceptions: tuple[object, ...] = ()


@dataclass(frozen=True)
class Project:
    """A package as its pyproject.toml describes it.

    `name` is as written there; `package_dir` is relative to `root`; `python_versions` are the
    classifiers' (ascending, e.g. "3.8"); `groups` the dependency groups, unresolved;
    `backend_requires` what `[build-system]` asks for.
    """

    root: Path
    name: str
    import_name: str
    package_dir: Path
    requires_python: SpecifierSet
    python_versions: tuple[str, ...]
    dependencies: tuple[Requirement, ...]
    build_backend: str
    backend_requires: tuple[str, ...]
    groups: dict[str, list[Any]] = field(default_factory=dict)
    settings: Settings = Settings()

    @property
    def normalized_name(self) -> NormalizedName:
        """The name as an index spells it (PEP 503)."""
        return canonicalize_name(self.name)


def read_project(root: Path) -> Project:
    """Read the package whose pyproject.toml lies in `root`.

    Raises UserError for a file that is missing, is no TOML, or lacks or misspells something.
    """
    return parse_project(root, load(root / "pyproject.toml"))


def parse_project(root: Path, document: dict[str, Any]) -> Project:
    """Like `read_project`, of what pyproject.toml holds, or is about to hold."""
    metadata = table(document, "project")
    if not metadata and table(document, "tool", "poetry"):
        raise UserError(
            "poetry-metadata",
            "pyproject.toml keeps its metadata in [tool.poetry] and has no [project]",
            "move it to [project] (poetry-core 2 reads it there)",
        )
    name = _name(metadata)
    _require_version(metadata)
    import_name, package_dir = find_package(root, name, document)
    build_system = table(document, "build-system")
    return Project(
        root=root,
        name=name,
        import_name=import_name,
        package_dir=package_dir,
        requires_python=_requires_python(metadata),
        python_versions=_python_versions(metadata),
        dependencies=_dependencies(metadata),
        build_backend=str(build_system.get("build-backend", "setuptools.build_meta:__legacy__")),
        backend_requires=tuple(
            strings(build_system, "requires", "[build-system]") or ["setuptools"]
        ),
        groups=_groups(document),
        settings=_settings(document),
    )


def _name(metadata: dict[str, Any]) -> str:
    name = metadata.get("name")
    if not isinstance(name, str) or not re.fullmatch(
        r"[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9._-]*[A-Za-z0-9]", name
    ):
        raise UserError(
            "project-name",
            f"the name in [project] of pyproject.toml is {name!r}",
            "give it a name of letters, digits, '.', '_' and '-' (PEP 508)",
        )
    return name


def _require_version(metadata: dict[str, Any]) -> None:
    if "version" not in (*metadata, *strings(metadata, "dynamic", "[project]")):
        raise UserError(
            "no-version",
            '[project] in pyproject.toml has neither a version nor dynamic = ["version"]',
            "add one of the two",
        )


def _requires_python(metadata: dict[str, Any]) -> SpecifierSet:
    value = metadata.get("requires-python", "")
    try:
        return SpecifierSet(value)
    except (InvalidSpecifier, TypeError, AttributeError):
        raise UserError(
            "requires-python",
            f"requires-python in [project] is {value!r}",
            'write a version specifier such as ">=3.8"',
        ) from None


def _python_versions(metadata: dict[str, Any]) -> tuple[str, ...]:
    matches = (_CLASSIFIER.match(text) for text in strings(metadata, "classifiers", "[project]"))
    found = sorted({match[1] for match in matches if match}, key=Version)
    if not found:
        raise UserError(
            "no-python-classifiers",
            "no classifier in [project] of pyproject.toml names a Python version",
            'add one a version, e.g. "Programming Language :: Python :: 3.12"',
        )
    return tuple(found)


def _dependencies(metadata: dict[str, Any]) -> tuple[Requirement, ...]:
    texts = strings(metadata, "dependencies", "[project]")
    parsed = []
    for text in texts:
        try:
            parsed.append(Requirement(text))
        except InvalidRequirement as error:
            raise UserError(
                "dependency-syntax",
                f"the dependency {text!r} in [project] is no requirement ({error})",
                "write it as PEP 508 has it",
            ) from None
    return tuple(parsed)


def _groups(document: dict[str, Any]) -> dict[str, list[Any]]:
    groups = table(document, "dependency-groups")
    for name, members in groups.items():
        if not isinstance(members, list):
            raise UserError(
                "pyproject-type",
                f"the dependency group {name} is {members!r}",
                "make it a list of requirements",
            )
    return groups


def _settings(document: dict[str, Any]) -> Settings:
    ours = table(document, "tool", "ci")
    known = {
        "release-branch": str,
        "changelog": (str, bool),
        "sdist-include": list,
        "allow": list,
        "allow-contents": list,
        "generated": list,
        "wheel-exclude": list,
        "max-size": int,
        "audit-exceptions": list,
    }
    for key, value in ours.items():
        if key not in known:
            raise UserError(
                "unknown-setting",
                f"[tool.ci] in pyproject.toml has {key!r}",
                f"use one of {', '.join(sorted(known))}, or remove it",
            )
        if not isinstance(value, known[key]) or value is True or value == "":  # type: ignore[arg-type]
            raise UserError(
                "setting-type",
                f"{key} in [tool.ci] is {value!r}",
                "see docs/cicd-setup.md for what it takes",
            )
    changelog = ours.get("changelog", Settings.changelog)
    return Settings(
        release_branch=ours.get("release-branch", Settings.release_branch),
        changelog=changelog or None,
        sdist_include=tuple(strings(ours, "sdist-include", "[tool.ci]")),
        allow=tuple(strings(ours, "allow", "[tool.ci]")),
        allow_contents=tuple(strings(ours, "allow-contents", "[tool.ci]")),
        generated=tuple(strings(ours, "generated", "[tool.ci]")),
        wheel_exclude=tuple(strings(ours, "wheel-exclude", "[tool.ci]")),
        max_size=ours.get("max-size", Settings.max_size),
        audit_exceptions=tuple(ours.get("audit-exceptions", ())),
    )
