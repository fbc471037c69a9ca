"""What the pyproject.toml of a package lacks for the pipeline, and why it is needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ci.adopt import changelogs
from ci.adopt.changelogs import changelog
from ci.adopt.copies import groups_that_travel
from ci.adopt.settings import coverage_elsewhere, formatter, pinned, settings_elsewhere, uses
from ci.adopt.shipped import data, pipeline_files, secrets, unusual
from ci.adopt.testing import requirement_names, test_group, typing_group
from ci.package.pyproject import load, table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ci.adopt.adopter import Adopter


@dataclass(frozen=True)
class Need:
    """One key of one table of pyproject.toml, with its whole value; `why` is for the user."""

    table: tuple[str, ...]
    key: str
    value: Any
    why: str


def needs(source: Path, adopter: Adopter) -> list[Need]:
    """Return everything that must be added to pyproject.toml, in the order of the output.

    Raises UserError for a dependency group that can't be resolved.
    """
    return [
        *_groups(source, adopter),
        *_build(adopter),
        *_ruff(adopter),
        *_mypy(adopter),
        *_coverage(adopter),
        *_settings(adopter),
    ]


def _groups(source: Path, adopter: Adopter) -> Iterator[Need]:
    where, present = ("dependency-groups",), adopter.project.groups
    group = test_group(adopter)
    if group != present.get("test"):
        yield Need(where, "test", group, "what `tests` installs beside the wheel")
    types = typing_group(adopter)
    if types and types != present.get("typecheck"):
        yield Need(where, "typecheck", types, "what `typecheck` installs beside the wheel")
    if "lint" not in present:
        yield from _lint(source, adopter)
    for name, wanted in _pipelines_groups(source).items():
        if name in present:
            known = requirement_names(present, name)
            missing = [text for text in wanted if _name(text) not in known]
            if formatter(adopter) != "black":
                missing = [text for text in missing if _name(text) != "black"]
            if missing:
                why = f"the session that installs ci/locks/{name}.txt needs these too"
                yield Need(where, name, [*present[name], *missing], why)


def _lint(source: Path, adopter: Adopter) -> Iterator[Need]:
    """The versions that pre-commit runs: another one may find other things."""
    tools = ["black", "ruff"] if formatter(adopter) == "black" else ["ruff"]
    found = {tool: pinned(adopter, tool) for tool in tools}
    if any(found.values()):
        others = {_name(text): text for text in _pipelines_groups(source)["lint"]}
        group = [found[tool] or others[tool] for tool in tools]
        why = "what .pre-commit-config.yaml runs; `lint` and `fmt` run it too"
        yield Need(("dependency-groups",), "lint", group, why)


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


def _build(adopter: Adopter) -> Iterator[Need]:
    """Return the settings that keep the pipeline's files out of the distributions."""
    if adopter.backend == "hatchling":
        yield from _hatchling(adopter)
    if adopter.backend == "setuptools" and adopter.flat:
        yield from _setuptools(adopter)
    if adopter.backend == "flit":
        yield from _flit(adopter)
    if adopter.backend == "pdm" and adopter.flat:
        yield from _pdm(adopter)


def _hatchling(adopter: Adopter) -> Iterator[Need]:
    where = ("tool", "hatch", "build", "targets", "sdist")
    section = table(adopter.document, *where)
    told = "only-include" in section  # `include` may hold a pattern that the pipeline's files match
    unwanted = [*([] if told else pipeline_files(adopter)), *secrets(adopter)]
    excluded = section.get("exclude", [])
    missing = [f"/{path}" for path in unwanted if not {path, f"/{path}"} & {*excluded}]
    if missing:
        why = "hatchling ships all that git tracks"
        yield Need(where, "exclude", [*excluded, *missing], why)


def _setuptools(adopter: Adopter) -> Iterator[Need]:
    section = table(adopter.document, "tool", "setuptools")
    packages, script = section.get("packages", {}), adopter.text("setup.py")
    if isinstance(packages, list) or "py-modules" in section or "packages" in script:
        return
    if "packages" in adopter.text("setup.cfg") or "include" in packages.get("find", {}):
        return
    name, why = adopter.project.import_name, "setuptools would take cdk/ for a package"
    if adopter.project.is_module:
        yield Need(("tool", "setuptools"), "py-modules", [name], why)
    else:
        top = name.partition(".")[0]
        where = ("tool", "setuptools", "packages", "find")
        yield Need(where, "include", [top, f"{top}.*"], why)


def _flit(adopter: Adopter) -> Iterator[Need]:
    where = ("tool", "flit", "sdist")
    section = table(adopter.document, *where)
    excluded = section.get("exclude", [])
    wide = [each for each in section.get("include", []) if "*" in each.partition("/")[0]]
    missing = [name for name in pipeline_files(adopter) if name not in excluded]
    if wide and missing:
        why = f"flit would find the pipeline's files by {wide[0]}"
        yield Need(where, "exclude", [*excluded, *missing], why)


def _pdm(adopter: Adopter) -> Iterator[Need]:
    section = table(adopter.document, "tool", "pdm", "build")
    if "includes" not in section:
        why = "pdm would take ci/ for a package"
        yield Need(("tool", "pdm", "build"), "includes", adopter.packages, why)


# --- the tools -----------------------------------------------------------------------------------


def _ruff(adopter: Adopter) -> Iterator[Need]:
    """Return ruff's basic rules for a package that does not use ruff."""
    if not uses(adopter, "ruff"):
        why = "syntax errors only; ruff's own choice is E4, E7, E9, F"
        yield Need(("tool", "ruff", "lint"), "select", ["E9"], why)


def _mypy(adopter: Adopter) -> Iterator[Need]:
    where = ("tool", "mypy")
    section = table(adopter.document, *where)
    if not uses(adopter, "mypy") or settings_elsewhere(adopter, "mypy"):
        return
    if not {"files", "packages", "modules"} & section.keys():
        yield Need(where, "files", adopter.packages, "what `typecheck` checks")
    if not section:
        yield Need(where, "python_version", adopter.project.python_versions[0], "the lowest")


def _coverage(adopter: Adopter) -> Iterator[Need]:
    if coverage_elsewhere(adopter):
        return
    where = ("tool", "coverage")
    tables = (table(adopter.document, *where, name) for name in ("run", "paths", "report"))
    for section, key, value, why in coverage_settings(adopter, *tables):
        yield Need((*where, section), key, value, why)


def coverage_settings(
    adopter: Adopter, run: dict[str, Any], paths: dict[str, list[str]], report: dict[str, Any]
) -> Iterator[tuple[str, str, Any, str]]:
    """What these sections of coverage lack: section, key, whole value, and why it is needed."""
    packages, why = adopter.project.packages, "the installed wheel is what is measured"
    folders = {name.replace(".", "/"): path.as_posix() for name, path in packages.items()}
    included, told = run.get("include", []), run.get("source_pkgs", [])
    unnamed = [name for name in packages if name not in {*told, *_importable(adopter, run)}]
    if included:  # coverage has no use for both
        if not any(pattern.startswith("*") for pattern in included):
            installed = [f"*/site-packages/{_pattern(*each)}" for each in folders.items()]
            yield "run", "include", [*included, *installed], why
    elif unnamed:
        yield "run", "source_pkgs", [*told, *unnamed], why
    if "branch" not in run:
        yield "run", "branch", True, "untaken branches count"
    if run.get("relative_files") is not True:
        yield "run", "relative_files", True, "the data of each Python comes from another folder"
    if not all(
        any(_maps(entries, folder, package) for entries in paths.values())
        for package, folder in folders.items()
    ):
        key = "wheel" if "source" in paths else "source"
        yield "paths", key, _mapped(folders), "what is reported are the files in git"
    omitted = [pattern for pattern in run.get("omit", []) if not pattern.startswith("*")]
    if omitted and "omit" not in report:
        why = "where the wheel is measured, these are in another folder"
        yield "report", "omit", omitted, why


def _mapped(folders: dict[str, str]) -> list[str]:
    """The list that maps the installed packages to their folders; coverage maps folders only."""
    (package, folder), *others = folders.items()
    if others or folder.endswith(".py"):
        return [_top(folder, package), "**/site-packages"]
    return [folder, f"**/site-packages/{package}"]


def _pattern(package: str, folder: str) -> str:
    return f"{package}.py" if folder.endswith(".py") else f"{package}/*"


def _top(folder: str, package: str) -> str:
    """The folder that the package is imported from."""
    return folder.removesuffix(".py").removesuffix(package).strip("/") or "."


def _importable(adopter: Adopter, section: dict[str, Any]) -> list[str]:
    """What `source` names as packages: coverage takes what is a folder here for that folder."""
    return [name for name in section.get("source", []) if not (adopter.root / name).is_dir()]


def _maps(entries: list[str], folder: str, package: str) -> bool:
    """Whether coverage's list says that the installed package is the one in `folder`."""
    if not entries:
        return False
    first, rest = entries[0].strip("/"), [entry.rstrip("/") for entry in entries[1:]]
    if first == folder:
        return any(entry.endswith(f"site-packages/{package}") for entry in rest)
    return first == _top(folder, package) and any(entry.endswith("site-packages") for entry in rest)


# --- the pipeline --------------------------------------------------------------------------------


def _settings(adopter: Adopter) -> Iterator[Need]:
    where = ("tool", "ci")
    section = table(adopter.document, *where)
    if adopter.pythons:
        yield Need(where, "pythons", [*adopter.pythons], "the lowest and the highest are tested on")
    if "release-branch" not in section and adopter.release_branch != "main":
        why = "a tag is released only from there"
        yield Need(where, "release-branch", adopter.release_branch, why)
    if "changelog" not in section and changelog(adopter) != changelogs.DEFAULT:
        why = "where a release must have its entry"
        yield Need(where, "changelog", changelog(adopter) or False, why)
    if "format" not in section and formatter(adopter) != "black":
        why = 'what `lint` and `fmt` format with: "black", "ruff" or "none"'
        yield Need(where, "format", formatter(adopter), why)
    if "typecheck" not in section and not uses(adopter, "mypy"):
        why = "mypy was never set up here"
        yield Need(where, "typecheck", value=False, why=why)
    more = [name for name in data(adopter) if name not in section.get("allow-names", [])]
    if more:
        allowed = [*section.get("allow-names", []), *more]
        why = "data that the sdist holds today; leave out what users don't need"
        yield Need(where, "allow-names", allowed, why)
    missing = unusual(adopter)
    if missing:
        included = [*section.get("sdist-include", []), *missing]
        why = "what the sdist holds today beside the usual; leave out what users don't need"
        yield Need(where, "sdist-include", included, why)
    made = [path for path in _made(adopter) if path not in section.get("not-in-git", [])]
    if made:
        included = [*section.get("not-in-git", []), *made]
        yield Need(where, "not-in-git", included, "the build makes it")


def _made(adopter: Adopter) -> list[str]:
    """The module that the backend writes the version into, where git does not track it."""
    tool = table(adopter.document, "tool")
    build = table(tool, "hatch", "build")
    written = [
        build.get("hooks", {}).get("vcs", {}).get("version-file"),
        table(tool, "setuptools_scm").get("version_file"),
        table(tool, "setuptools_scm").get("write_to"),
        table(tool, "pdm", "version").get("write_to"),
    ]
    return [path for path in written if isinstance(path, str) and path not in adopter.tracked]
