"""What the pyproject.toml of a package lacks for the pipeline, and why it is needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ci.adopt.copies import PYTHONS, TOPS, groups_that_travel
from ci.adopt.settings import coverage_elsewhere
from ci.adopt.shipped import unusual
from ci.adopt.testing import requirement_names, test_group
from ci.package.pyproject import load, table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ci.adopt.target import Target

_CHANGELOGS = ("changes.md", "history.md", "news.md", "docs/changelog.md", "docs/changes.md")


@dataclass(frozen=True)
class Need:
    """One key of one table of pyproject.toml, with its whole value; `why` is for the user."""

    table: tuple[str, ...]
    key: str
    value: Any
    why: str


def needs(source: Path, target: Target) -> list[Need]:
    """Everything to be added to pyproject.toml, in the order in which they are shown.

    Raises UserError for a dependency group that can't be resolved.
    """
    return [
        *_classifiers(target),
        *_groups(source, target),
        *_build(target),
        *_ruff(target),
        *_mypy(target),
        *_coverage(target),
        *_settings(target),
    ]


def _classifiers(target: Target) -> Iterator[Need]:
    if target.classifiers:
        present = table(target.document, "project").get("classifiers", [])
        yield Need(
            ("project",),
            "classifiers",
            [*present, *target.classifiers],
            "the lowest and the highest of these Pythons are tested",
        )


def _groups(source: Path, target: Target) -> Iterator[Need]:
    where, present = ("dependency-groups",), target.project.groups
    group = test_group(target)
    if group != present.get("test"):
        yield Need(where, "test", group, "what `tests` installs beside the wheel")
    for name, wanted in _pipelines_groups(source).items():
        if name in present:
            known = requirement_names(present, name)
            missing = [text for text in wanted if _name(text) not in known]
            if missing:
                why = f"the session that installs ci/locks/{name}.txt needs these too"
                yield Need(where, name, [*present[name], *missing], why)


def _pipelines_groups(source: Path) -> dict[str, list[str]]:
    """What each group whose lock travels asks for by itself."""
    groups = table(load(source / "pyproject.toml"), "dependency-groups")
    return {
        name: [text for text in groups.get(name, []) if isinstance(text, str)]
        for name in groups_that_travel(source)
    }


def _name(text: str) -> str:
    return canonicalize_name(Requirement(text).name)


# --- the build backend ---------------------------------------------------------------------------


def _build(target: Target) -> Iterator[Need]:
    """What keeps the pipeline's own files out of the distributions."""
    if target.backend == "hatchling":
        yield from _hatchling(target)
    if target.backend == "setuptools" and target.flat:
        yield from _setuptools(target)
    if target.backend == "pdm" and target.flat:
        yield from _pdm(target)


def _hatchling(target: Target) -> Iterator[Need]:
    where = ("tool", "hatch", "build", "targets", "sdist")
    section = table(target.document, *where)
    if "include" in section or "only-include" in section:
        return
    excluded = section.get("exclude", [])
    missing = [f"/{top}" for top in (PYTHONS, *TOPS) if not {top, f"/{top}"} & {*excluded}]
    if missing:
        why = "hatchling ships all that git tracks"
        yield Need(where, "exclude", [*excluded, *missing], why)


def _setuptools(target: Target) -> Iterator[Need]:
    section = table(target.document, "tool", "setuptools")
    packages, script = section.get("packages", {}), _text(target, "setup.py")
    if isinstance(packages, list) or "py-modules" in section or "packages" in script:
        return
    if "packages" in _text(target, "setup.cfg") or "include" in packages.get("find", {}):
        return
    name = target.project.import_name
    yield Need(
        ("tool", "setuptools", "packages", "find"),
        "include",
        [name, f"{name}.*"],
        "setuptools would take ci/ and cdk/ for packages",
    )


def _pdm(target: Target) -> Iterator[Need]:
    section = table(target.document, "tool", "pdm", "build")
    if "includes" not in section:
        folder = target.project.package_dir.as_posix()
        yield Need(
            ("tool", "pdm", "build"), "includes", [folder], "pdm would take ci/ for a package"
        )


def _text(target: Target, name: str) -> str:
    path = target.root / name
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


# --- the tools -----------------------------------------------------------------------------------


def _ruff(target: Target) -> Iterator[Need]:
    """Few rules for who has none: those that ruff comes with are hundreds."""
    elsewhere = any((target.root / name).is_file() for name in ("ruff.toml", ".ruff.toml"))
    if not elsewhere and not table(target.document, "tool", "ruff"):
        why = "likely mistakes only, to begin with"
        yield Need(("tool", "ruff", "lint"), "select", ["E4", "E7", "E9", "F"], why)


def _mypy(target: Target) -> Iterator[Need]:
    where = ("tool", "mypy")
    section = table(target.document, *where)
    if any((target.root / name).is_file() for name in ("mypy.ini", ".mypy.ini")):
        return
    if not {"files", "packages", "modules"} & section.keys():
        folder = target.project.package_dir.as_posix()
        yield Need(where, "files", [folder], "what `typecheck` checks")
    if not section:
        yield Need(where, "python_version", target.project.python_versions[0], "the lowest")
        if target.project.dependencies:
            why = "its environment has none of the package's dependencies"
            yield Need(where, "ignore_missing_imports", value=True, why=why)


def _coverage(target: Target) -> Iterator[Need]:
    if coverage_elsewhere(target):
        return
    where = ("tool", "coverage", "run")
    section, name = table(target.document, *where), target.project.import_name
    if name not in {*section.get("source_pkgs", []), *_importable(target, section)}:
        yield Need(where, "source_pkgs", [name], "the installed wheel is what is measured")
    if "branch" not in section:
        yield Need(where, "branch", value=True, why="untaken branches count")
    if section.get("relative_files") is not True:
        why = "the data of each Python comes from another folder"
        yield Need(where, "relative_files", value=True, why=why)
    paths = table(target.document, "tool", "coverage", "paths")
    folder, package = target.project.package_dir.as_posix(), name.replace(".", "/")
    if not any(_maps(entries, folder, package) for entries in paths.values()):
        yield Need(
            ("tool", "coverage", "paths"),
            "wheel" if "source" in paths else "source",
            [folder, f"**/site-packages/{package}"],
            "what is reported are the files in git",
        )


def _importable(target: Target, section: dict[str, Any]) -> list[str]:
    """What `source` names as packages: coverage takes what is a folder here for that folder."""
    return [name for name in section.get("source", []) if not (target.root / name).is_dir()]


def _maps(entries: list[str], folder: str, package: str) -> bool:
    """Whether coverage's list says that the installed package is the one in `folder`."""
    if not entries:
        return False
    first, rest = entries[0].strip("/"), [entry.rstrip("/") for entry in entries[1:]]
    if first == folder:
        return any(entry.endswith(f"site-packages/{package}") for entry in rest)
    top = folder.removesuffix(package).strip("/")
    return first == (top or ".") and any(entry.endswith("site-packages") for entry in rest)


# --- the pipeline --------------------------------------------------------------------------------


def _settings(target: Target) -> Iterator[Need]:
    where = ("tool", "ci")
    section = table(target.document, *where)
    if "release-branch" not in section and target.release_branch != "main":
        yield Need(
            where, "release-branch", target.release_branch, "only from there a tag is released"
        )
    if "changelog" not in section and not (target.root / "CHANGELOG.md").is_file():
        yield Need(where, "changelog", _changelog(target), "where a release must have its entry")
    missing = unusual(target)
    if missing:
        included = [*section.get("sdist-include", []), *missing]
        why = "what the sdist holds today beside the usual; leave out what users don't need"
        yield Need(where, "sdist-include", included, why)


def _changelog(target: Target) -> str | bool:
    """The file that reads most like one in the form that the pipeline checks, or none."""
    files = {name.lower(): name for name in target.tracked}
    return next((files[name] for name in _CHANGELOGS if name in files), False)
