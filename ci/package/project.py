"""pyproject.toml, read once, as one typed value.

Everything that the pipeline knows of the package before it is built, it knows from here. The rules
are those of the packaging user guide's pyproject specification. The version is not among it: the
built wheel says it, and before that the build backend (`ci.distributions.version`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from ci.errors import UserError
from ci.package.layout import find_packages
from ci.package.pyproject import load, strings, table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_CLASSIFIER = re.compile(r"^Programming Language :: Python :: (3\.\d+)$")

# The newest Python that is out, as a minor version of 3; the noxfile has the same. A classifier for
# a later one is tested only where [tool.ci] pythons names it.
NEWEST_PYTHON = 15

FORMATTERS = ("black", "ruff", "none")


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _are_strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _are_pythons(value: Any) -> bool:  # noqa: ANN401 - what TOML has
    return _are_strings(value) and all(re.fullmatch(r"3\.\d+", item) for item in value)


# Each key of [tool.ci]: whether a value is right, and what is right, in words.
_KEYS: dict[str, tuple[Callable[[object], bool], str]] = {
    "release-branch": (_is_text, "the name of a branch"),
    "changelog": (lambda value: value is False or _is_text(value), "the path of a file, or false"),
    "sdist-include": (_are_strings, "a list of strings"),
    "allow-names": (_are_strings, "a list of strings"),
    "allow-secrets-in": (_are_strings, "a list of strings"),
    "not-in-git": (_are_strings, "a list of strings"),
    "wheel-exclude": (_are_strings, "a list of strings"),
    "max-size": (lambda value: type(value) is int, "a number of bytes, such as 20_000_000"),
    "audit-exceptions": (
        lambda value: isinstance(value, list),
        "a list of tables with id, reason and until",
    ),
    "pythons": (_are_pythons, 'a list of versions such as "3.9" and "3.13"'),
    "format": (FORMATTERS.__contains__, f"one of {', '.join(FORMATTERS)}"),
    "typecheck": (lambda value: isinstance(value, bool), "true or false"),
}
_RENAMED = {
    "allow": "allow-names",
    "allow-contents": "allow-secrets-in",
    "generated": "not-in-git",
}


@dataclass(frozen=True)
class Settings:
    """The table `[tool.ci]`: what a package may set differently.

    `release_branch`: a tag is released only from there. `changelog`: the file that must have an
    entry for a release, None where there is none. `sdist_include`: top-level names, besides the
    usual ones, that the sdist may hold. `allow_names`: glob patterns of members that may be shipped
    although their name looks private, or they are no text; `allow_secrets_in`: although a line in
    them looks like a secret. `not_in_git`: members that the build makes, so that git can't track
    them. `wheel_exclude`: files of the package that its wheel lacks on purpose. `max_size`: of one
    distribution, in bytes. `pythons`: the versions to test on, those of the classifiers if empty.
    `format`: which of FORMATTERS has formatted the package. `typecheck`: whether its types are
    checked. `audit_exceptions`: vulnerabilities that are accepted for a time, a table each, as
    ci/dependencies/audit.py reads them.
    """

    release_branch: str = "main"
    changelog: str | None = "CHANGELOG.md"
    sdist_include: tuple[str, ...] = ()
    allow_names: tuple[str, ...] = ()
    allow_secrets_in: tuple[str, ...] = ()
    not_in_git: tuple[str, ...] = ()
    wheel_exclude: tuple[str, ...] = ()
    max_size: int = 10 * 1024 * 1024
    pythons: tuple[str, ...] = ()
    format: str = "black"
    typecheck: bool = True
    audit_exceptions: tuple[object, ...] = ()


@dataclass(frozen=True)
class Project:
    """A package as its pyproject.toml describes it.

    `name` is as written there; `packages` are the import names of what it ships, the main one
    first, with its folder relative to `root`, or its one module; `python_versions` are those to
    test on (ascending, e.g. "3.8"); `groups` the dependency groups, unresolved; `backend_requires`
    what `[build-system]` asks for; `static_version` is that of `[project]`, if it is there;
    `extras` the optional dependencies; `entry_points` by group and name, scripts among them;
    `dynamic` what the build backend adds by itself; `tool` the tables of all tools.
    """

    root: Path
    name: str
    packages: dict[str, Path]
    requires_python: SpecifierSet
    python_versions: tuple[str, ...]
    dependencies: tuple[Requirement, ...]
    build_backend: str
    backend_requires: tuple[str, ...]
    groups: dict[str, list[Any]] = field(default_factory=dict)
    settings: Settings = Settings()
    static_version: str | None = None
    extras: dict[str, tuple[Requirement, ...]] = field(default_factory=dict)
    entry_points: dict[str, dict[str, str]] = field(default_factory=dict)
    dynamic: frozenset[str] = frozenset()
    tool: dict[str, Any] = field(default_factory=dict)

    @property
    def import_name(self) -> str:
        """The import name of the main package."""
        return next(iter(self.packages))

    @property
    def package_dir(self) -> Path:
        """The main package's folder relative to `root`, or its one module."""
        return self.packages[self.import_name]

    @property
    def normalized_name(self) -> NormalizedName:
        """The name as an index spells it (PEP 503)."""
        return canonicalize_name(self.name)

    @property
    def import_folder(self) -> PurePosixPath:
        """The folder that the package is imported from, relative to `root`: such as src."""
        return PurePosixPath(*self.package_dir.parts[: -len(self.import_name.split("."))])

    @property
    def is_module(self) -> bool:
        """Return whether the package is a single module; then `package_dir` is its file."""
        return self.package_dir.suffix == ".py"


def read_project(root: Path) -> Project:
    """Read the package whose pyproject.toml lies in `root`.

    Raises UserError for a file that is missing, is no TOML, or lacks or misspells something.
    """
    return parse_project(root, load(root / "pyproject.toml"))


def parse_project(root: Path, document: dict[str, Any]) -> Project:
    """Read a package from the contents of pyproject.toml, written or not."""
    metadata = table(document, "project")
    if not metadata and table(document, "tool", "poetry"):
        raise UserError(
            "poetry-metadata",
            "pyproject.toml keeps its metadata in [tool.poetry] and has no [project]",
            "move it to [project] (poetry-core 2 reads it there)",
        )
    name = _name(metadata)
    _require_version(metadata)
    packages = find_packages(root, name, document)
    build_system = table(document, "build-system")
    settings = _settings(document)
    return Project(
        root=root,
        name=name,
        packages=packages,
        requires_python=_requires_python(metadata),
        python_versions=settings.pythons or _python_versions(metadata),
        dependencies=_requirements(strings(metadata, "dependencies", "[project]")),
        build_backend=str(build_system.get("build-backend", "setuptools.build_meta:__legacy__")),
        backend_requires=tuple(
            strings(build_system, "requires", "[build-system]") or ["setuptools"]
        ),
        groups=_groups(document),
        settings=settings,
        static_version=str(metadata["version"]) if "version" in metadata else None,
        extras=_extras(metadata),
        entry_points=_entry_points(metadata),
        dynamic=frozenset(strings(metadata, "dynamic", "[project]")),
        tool=table(document, "tool"),
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
            'add version = "1.2.0", or dynamic = ["version"]',
        )


def _requires_python(metadata: dict[str, Any]) -> SpecifierSet:
    value = metadata.get("requires-python", "")
    try:
        return SpecifierSet(value)
    except (InvalidSpecifier, TypeError, AttributeError):
        raise UserError(
            "requires-python",
            f"requires-python in [project] is {value!r}, which is not a version specifier",
            'write one such as ">=3.8"',
        ) from None


def _python_versions(metadata: dict[str, Any]) -> tuple[str, ...]:
    matches = (_CLASSIFIER.match(text) for text in strings(metadata, "classifiers", "[project]"))
    found = sorted({match[1] for match in matches if match}, key=Version)
    if not found:
        raise UserError(
            "no-python-classifiers",
            "no classifier in [project] of pyproject.toml names a Python version",
            'add one for each version, such as "Programming Language :: Python :: 3.12"',
        )
    newest = Version(f"3.{NEWEST_PYTHON}")
    return tuple(version for version in found if Version(version) <= newest) or tuple(found)


def _requirements(texts: list[str]) -> tuple[Requirement, ...]:
    parsed = []
    for text in texts:
        try:
            parsed.append(Requirement(text))
        except InvalidRequirement as error:
            raise UserError(
                "dependency-syntax",
                f"the dependency {text!r} in [project] is not a valid requirement ({error})",
                "write it as PEP 508 describes",
            ) from None
    return tuple(parsed)


def _extras(metadata: dict[str, Any]) -> dict[str, tuple[Requirement, ...]]:
    extras = table({"project": metadata}, "project", "optional-dependencies")
    return {
        canonicalize_name(name): _requirements(strings(extras, name, "optional-dependencies"))
        for name in extras
    }


def _entry_points(metadata: dict[str, Any]) -> dict[str, dict[str, str]]:
    """All of them by group and name; scripts are two of the groups."""
    named = table({"project": metadata}, "project", "entry-points")
    groups = {
        "console_scripts": metadata.get("scripts", {}),
        "gui_scripts": metadata.get("gui-scripts", {}),
        **named,
    }
    for group, points in groups.items():
        if not isinstance(points, dict) or not all(isinstance(p, str) for p in points.values()):
            raise UserError(
                "pyproject-type",
                f"the entry points {group} in [project] are {points!r}",
                'make it a table of strings, name = "module:function"',
            )
    return {group: dict(points) for group, points in groups.items() if points}


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
    for key, value in ours.items():
        _check_setting(key, value)
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in ours.items()
    }
    if values.get("changelog") is False:
        values["changelog"] = None
    if "pythons" in values:
        values["pythons"] = tuple(sorted(set(values["pythons"]), key=Version))
    return Settings(**{key.replace("-", "_"): value for key, value in values.items()})


def _check_setting(key: str, value: object) -> None:
    if key in _RENAMED:
        raise UserError(
            "renamed-setting",
            f"[tool.ci] in pyproject.toml has {key!r}, an old name of {_RENAMED[key]!r}",
            f"rename it to {_RENAMED[key]}; its values stay the same",
        )
    if key not in _KEYS:
        raise UserError(
            "unknown-setting",
            f"[tool.ci] in pyproject.toml has the unknown key {key!r}",
            f"use one of {', '.join(sorted(_KEYS))}, or remove it",
        )
    is_right, form = _KEYS[key]
    if not is_right(value):
        raise UserError("setting-type", f"{key} in [tool.ci] is {value!r}", f"set it to {form}")
