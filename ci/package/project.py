"""pyproject.toml, read once, as one typed value.

Everything that the pipeline knows of the package it knows from here; nothing else in ci/ reads
pyproject.toml. The rules are those of the packaging user guide's pyproject specification, and for
the version those of each build backend.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from ci.errors import UserError
from ci.package.layout import find_package
from ci.package.pyproject import load, strings, table

_CLASSIFIER = re.compile(r"^Programming Language :: Python :: (3\.\d+)$")
_ASSIGNMENT = re.compile(
    r"""(?m)^(?:__version__|VERSION|version)\s*(?::\s*str\s*)?=\s*['"]v?([^'"]+)['"]"""
)
_IMPORT = re.compile(r"(?m)^from \.(\w+) import (?:\(?[\w, ]*,\s*)?__version__(?! as)\b")


@dataclass(frozen=True)
class Settings:
    """The table `[tool.ci]`: what a package may set differently.

    `release_branch`: a tag is released only from there. `changelog`: the file that must have an
    entry for a release, None where there is none. `sdist_include`: top-level names, besides the
    usual ones, that the sdist may hold. `allow`: glob patterns of members that may be shipped
    although their name looks private; `allow_contents`: although a line in them looks like a
    secret. `generated`: members that the build makes, so that git can't track them.
    `wheel_exclude`: files of the package that its wheel lacks on purpose. `max_size`: of one
    distribution, in bytes.
    """

    release_branch: str = "main"
    changelog: str | None = "CHANGELOG.md"
    sdist_include: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    allow_contents: tuple[str, ...] = ()
    generated: tuple[str, ...] = ()
    wheel_exclude: tuple[str, ...] = ()
    max_size: int = 10 * 1024 * 1024


@dataclass(frozen=True)
class Project:
    """A package as its pyproject.toml describes it.

    `name` is as written there; `package_dir` and `version_file` are relative to `root`;
    `version_file` is the file in which the version stands (pyproject.toml for a static one);
    `python_versions` are the classifiers' (ascending, e.g. "3.8"); `groups` the dependency groups,
    unresolved; `backend_requires` what `[build-system]` asks for.
    """

    root: Path
    name: str
    import_name: str
    package_dir: Path
    version: Version
    version_file: Path
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

    @property
    def wheel_name(self) -> str:
        """The name as it stands in the file names of distributions."""
        return self.normalized_name.replace("-", "_")


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
    import_name, package_dir = find_package(root, name, document)
    version, version_file = _version(root, package_dir, document)
    build_system = table(document, "build-system")
    return Project(
        root=root,
        name=name,
        import_name=import_name,
        package_dir=package_dir,
        version=version,
        version_file=version_file,
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
    )


def _version(root: Path, package_dir: Path, document: dict[str, Any]) -> tuple[Version, Path]:
    """The version and the file it stands in, as the project's build backend finds them."""
    metadata = table(document, "project")
    if "version" in metadata:
        return _parse_version(metadata["version"], "pyproject.toml"), Path("pyproject.toml")
    if "version" not in strings(metadata, "dynamic", "[project]"):
        raise UserError(
            "no-version",
            '[project] in pyproject.toml has neither a version nor dynamic = ["version"]',
            "add one of the two",
        )
    poetry = table(document, "tool", "poetry")
    if "version" in poetry:
        return _parse_version(poetry["version"], "pyproject.toml"), Path("pyproject.toml")
    file = _version_file(root, package_dir, document)
    text = _read(root, file)
    passed_on = _imported(text)
    if passed_on:
        file = file.parent / passed_on
        text = _read(root, file)
    return _parse_version(_assigned(text, file), file.as_posix()), file


def _read(root: Path, file: Path) -> str:
    try:
        return (root / file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            "version-file", f"the version's file {file} can't be read ({error})", "create it"
        ) from None


def _imported(text: str) -> str | None:
    """The module beside this one that it takes `__version__` from, as a file name."""
    match = _IMPORT.search(text)
    return f"{match[1]}.py" if match else None


def _version_file(root: Path, package_dir: Path, document: dict[str, Any]) -> Path:
    """The file that holds a dynamic version, in whichever way the backend is told."""
    hatch = table(document, "tool", "hatch", "version")
    if isinstance(hatch.get("path"), str) and hatch.get("source", "regex") == "regex":
        return Path(hatch["path"])
    pdm = table(document, "tool", "pdm", "version")
    if pdm.get("source") == "file" and isinstance(pdm.get("path"), str):
        return Path(pdm["path"])
    attr = table(document, "tool", "setuptools", "dynamic").get("version")
    if isinstance(attr, dict) and isinstance(attr.get("attr"), str):
        return _module_file(root, attr["attr"])
    if isinstance(attr, dict) and isinstance(attr.get("file"), str):
        return Path(attr["file"])
    backend = str(table(document, "build-system").get("build-backend", ""))
    if backend.startswith("flit_core"):
        return package_dir / "__init__.py"
    raise UserError(
        "version-source",
        f"the version is dynamic, and where {backend or 'the backend'} takes it from is unclear",
        "let it come from a file: [tool.hatch.version] path, [tool.setuptools.dynamic]"
        " version.attr, [tool.pdm.version] path, or a static version (git's tags are compared with"
        " it, so they can't be where it comes from)",
    )


def _module_file(root: Path, attr: str) -> Path:
    """The file of setuptools' `package.module.attribute`."""
    module = attr.rpartition(".")[0].replace(".", "/")
    candidates = [
        Path(parent, suffix)
        for parent in ("src", "")
        for suffix in (f"{module}.py", f"{module}/__init__.py")
    ]
    for candidate in candidates:
        if (root / candidate).is_file():
            return candidate
    raise UserError(
        "version-attr",
        f"[tool.setuptools.dynamic] takes the version from {attr!r}, and no file holds that module",
        "name an attribute of a module in src/ or beside pyproject.toml",
    )


def _assigned(text: str, file: Path) -> object:
    """The literal assigned to `__version__` (or VERSION, version) in a module or a plain file.

    Modules are parsed, never executed.
    """
    try:
        body = ast.parse(text).body
    except SyntaxError:
        body = []
    for node in body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        for target in targets:
            if isinstance(target, ast.Name) and target.id in {"__version__", "VERSION", "version"}:
                value = getattr(node, "value", None)
                if isinstance(value, ast.Constant):
                    return value.value
    match = _ASSIGNMENT.search(text)
    if match:
        return match[1]
    if file.suffix != ".py" and len(text.split()) == 1:
        return text.strip()
    raise UserError(
        "version-literal",
        f'{file.as_posix()} has no line __version__ = "…" with the version as a literal',
        "write it as one string",
    )


def _parse_version(value: object, where: str) -> Version:
    try:
        return Version(value)  # type: ignore[arg-type]
    except (InvalidVersion, TypeError):
        raise UserError(
            "version-pep440",
            f"the version {value!r} in {where} is no PEP 440 version",
            'write one such as "1.2.0" or "1.2.0rc1"',
        ) from None
