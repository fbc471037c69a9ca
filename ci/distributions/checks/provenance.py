"""Check that a distribution equals git, byte for byte, and has no file that nobody reviewed.

A build backend is a program, and so is what it depends on: it may write anything into a
distribution. What it writes is compared with the files that git tracks, and the little that it has
to make itself with what pyproject.toml says. It is checked where the distributions are built and
once more where they are published, so this module needs git and `packaging` only.
"""

from __future__ import annotations

import configparser
import io
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from ci.checkout.git import git
from ci.checkout.tree import committed_tree
from ci.distributions.archive import read_archive
from ci.distributions.checks import Subject, identity, matches, packing, require_clean, wheel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ci.distributions.archive import Member
    from ci.distributions.checks import Finding
    from ci.package.project import Project

_REMEDY_CHANGED = (
    "build from a clean checkout; if the error stays, find out what changes the file; if"
    " the build must change it, add it to not-in-git in [tool.ci]"
)
_REMEDY_LINE_ENDS = (
    "run `git config core.autocrlf input`, remove the file and run `git checkout FILE`; if"
    " .gitattributes has `eol=crlf` for it, write `-text` there, run `git add --renormalize .`"
    " and commit"
)
_REMEDY_UNTRACKED = (
    "run `git add` if it belongs there, else remove it; if a tool makes it, add it to .gitignore;"
    " if the build makes it, to not-in-git in [tool.ci]"
)

# What setuptools keeps in the folder *.egg-info of an sdist. Installers make it anew.
_EGG_INFO = {
    *("PKG-INFO", "SOURCES.txt", "dependency_links.txt", "entry_points.txt", "not-zip-safe"),
    *("requires.txt", "top_level.txt", "zip-safe", "namespace_packages.txt"),
    *("scm_file_list.json", "scm_version.json"),
}


def provenance(subject: Subject) -> Iterator[Finding]:
    """Return everything that is not from git or pyproject.toml, or can be read in two ways."""
    yield from packing.packing(subject)
    if not subject.archive.problem:
        for gate in GATES:
            yield from gate(subject)


def require_provenance(project: Project, distributions: Iterable[Path]) -> None:
    """Raise a UserError that lists what in the distributions did not come from HEAD."""
    tree = committed_tree(project.root)
    archives = [read_archive(path, max_size=project.settings.max_size) for path in distributions]
    require_clean(
        [found for archive in archives for found in provenance(Subject(project, archive, tree))]
    )


def committed(subject: Subject) -> Iterator[Finding]:
    """Find files that differ from git's file of the same path.

    In a wheel the folders *.dist-info and *.data have gates of their own. What [tool.ci] not-in-git
    names, and what an sdist is always given, is left out.
    """
    own = (f"{subject.stem}.dist-info", f"{subject.stem}.data") if subject.is_wheel else ()
    for member in subject.archive.members:
        source = _source(subject, member.path)
        if member.kind != "file" or member.path.partition("/")[0] in own:
            continue
        if subject.tree.holds(source, member.content):
            continue
        if matches(member.path, subject.project.settings.not_in_git):
            continue
        if not subject.is_wheel and _is_made(subject, member.path, member.content):
            continue
        yield _not_committed(subject, member, source)


def _not_committed(subject: Subject, member: Member, source: str) -> Finding:
    if source not in subject.tree.ids:
        return subject.finding(member.path, "untracked", "git does not track it", _REMEDY_UNTRACKED)
    where = f"{source} in the working tree" if subject.tree.changed else f"{source} in git"
    found, remedy = f"it differs from {where}", _REMEDY_CHANGED
    if subject.tree.holds(source, member.content.replace(b"\r\n", b"\n")):
        found, remedy = f"its line ends differ from those of {where}", _REMEDY_LINE_ENDS
    return subject.finding(member.path, "not-committed", found, remedy)


def _source(subject: Subject, path: str) -> str:
    """The file in the repository that a member comes from."""
    if not subject.is_wheel:
        return path
    return str(subject.project.import_folder / path)


def _is_made(subject: Subject, path: str, content: bytes) -> bool:
    """Whether it is what backends write into every sdist."""
    backend = subject.project.build_backend.partition(".")[0]
    if path == "PKG-INFO":
        return True  # the metadata's own gate looks into it
    if path == "pyproject.toml":
        return _says_the_same(subject, content)
    if path == "pyproject.toml.orig":
        return subject.tree.holds("pyproject.toml", content)
    if backend == "setuptools":
        return _is_made_by_setuptools(subject, path, content)
    return (
        backend == "hatchling" and path == ".gitignore" and _is_of_a_folder_above(subject, content)
    )


def _is_of_a_folder_above(subject: Subject, content: bytes) -> bool:
    """Whether it is the .gitignore of a folder above the package's, which hatchling packs too."""
    root = subject.project.root
    top = Path(git(root, "rev-parse", "--show-toplevel"))
    above = [folder for folder in root.resolve().parents if folder.is_relative_to(top)]
    return any(committed_tree(folder).holds(".gitignore", content) for folder in above)


def _is_made_by_setuptools(subject: Subject, path: str, content: bytes) -> bool:
    folder, _, name = path.rpartition("/")
    if fnmatchcase(folder.rpartition("/")[2], "*.egg-info") and name in _EGG_INFO:
        return name != "PKG-INFO" or content == subject.archive.files.get("PKG-INFO")
    return path == "setup.cfg" and _adds_nothing(subject, content)


def _says_the_same(subject: Subject, content: bytes) -> bool:
    """Whether pyproject.toml says what git's does; a dynamic version may have been put in."""
    try:
        ours = tomllib.loads((_tracked(subject, "pyproject.toml") or b"").decode("utf-8"))
        theirs = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError):
        return False
    if not ours:
        return False
    for document in (ours, theirs):
        _without_version(document, dynamic="version" in subject.project.dynamic)
    return ours == theirs


def _without_version(document: dict[str, Any], *, dynamic: bool) -> None:
    """Take out where a backend, or poetry-dynamic-versioning, puts the version into an sdist."""
    project, tool = _at(document, "project"), document.setdefault("tool", {})
    project["dynamic"] = [each for each in _list(project.get("dynamic")) if each != "version"]
    if not dynamic:
        return
    project.pop("version", None)
    if "poetry-dynamic-versioning" in tool:
        _at(tool, "poetry").pop("version", None)
        _at(tool, "poetry-dynamic-versioning").pop("enable", None)


def _adds_nothing(subject: Subject, content: bytes) -> bool:
    """Whether setup.cfg is git's, but for the section that setuptools adds for a later build."""
    tracked = _tracked(subject, "setup.cfg") if "setup.cfg" in subject.tree.ids else b""
    if tracked is None:
        return False
    parsed = []
    for text in (content, tracked):
        parser = configparser.RawConfigParser()
        try:
            # As setuptools reads it: a carriage return ends a line.
            parser.read_file(io.StringIO(text.decode("utf-8", "replace"), newline=None))
        except configparser.Error:
            return False
        parsed.append({s: dict(parser.items(s)) for s in parser.sections() if s != "egg_info"})
    return parsed[0] == parsed[1]


def _tracked(subject: Subject, path: str) -> bytes | None:
    """The bytes that git has of a file; None where the one that lies there is another."""
    file = subject.project.root / path
    content = file.read_bytes() if file.is_file() else b""
    return content if subject.tree.holds(path, content) else None


def dist_info(subject: Subject) -> Iterator[Finding]:
    """Find files in *.dist-info that wheels don't need, except licences that git tracks."""
    if not subject.is_wheel:
        return
    folder = f"{subject.stem}.dist-info"
    for member in subject.archive.members:
        top, _, rest = member.path.partition("/")
        if member.kind == "folder" or not top.lower().endswith((".dist-info", ".egg-info")):
            continue
        if top != folder:
            found = f"a wheel has one such folder, {folder}"
        elif rest in {"METADATA", "WHEEL", "RECORD", "entry_points.txt"}:
            continue  # they have gates of their own
        elif rest == "top_level.txt":
            if _names_the_top(subject, member.content):
                continue
            found = "it names what the wheel does not hold"
        elif _is_licence(subject, rest, member.content):
            continue
        else:
            found = "it is not a file that a wheel needs, and not a licence that git tracks"
        yield subject.finding(
            member.path, "dist-info", found, "leave it out, in the build backend's configuration"
        )


def _names_the_top(subject: Subject, content: bytes) -> bool:
    tops = {path.partition("/")[0].removesuffix(".py") for path in subject.archive.files}
    return set(content.decode("utf-8", "replace").split()) <= tops


def _is_licence(subject: Subject, rest: str, content: bytes) -> bool:
    """Whether a file of *.dist-info is git's file of the same path, below `licenses/` or not."""
    paths = {rest, rest.removeprefix("licenses/"), rest.removeprefix("license_files/")}
    return any(subject.tree.holds(path, content) for path in paths)


def data_folder(subject: Subject) -> Iterator[Finding]:
    """Find files in *.data that pyproject.toml does not declare: they get installed anywhere."""
    if not subject.is_wheel:
        return
    declared = dict(_declared_data(subject))
    for member in subject.archive.members:
        top, _, rest = member.path.partition("/")
        if member.kind == "folder" or not top.lower().endswith(".data"):
            continue
        source = declared.get(rest) if top == f"{subject.stem}.data" else None
        if source is None or not _same_file(subject, source, member.content):
            yield subject.finding(
                member.path,
                "data-folder",
                "an installer puts it outside of the package"
                + (
                    f", and it differs from {source}"
                    if source
                    else ", and pyproject.toml names no source"
                ),
                "declare it in the build backend's table of pyproject.toml, or leave it out",
            )


def _same_file(subject: Subject, source: str, content: bytes) -> bool:
    """Whether it is git's file; the first line of a script may have become `#!python`."""
    if subject.tree.holds(source, content):
        return True
    first, _, rest = content.partition(b"\n")
    original = _tracked(subject, source) or b""
    script = first == b"#!python" and original.startswith(b"#!")
    return script and original.partition(b"\n")[2] == rest


def _declared_data(subject: Subject) -> Iterator[tuple[str, str]]:
    """Paths below *.data, and the tracked file that each comes from, as the backend is told."""
    tracked = sorted(subject.tree.ids)
    for target, pattern in _data_tables(subject.project.tool):
        for path in tracked:
            if path == pattern:
                yield target, path
            elif path.startswith(f"{pattern.rstrip('/')}/"):
                yield f"{target}/{path.removeprefix(pattern.rstrip('/')).strip('/')}", path


def _data_tables(tool: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Path below *.data, and file or folder in the repository: hatchling, setuptools, flit."""
    hatch = _at(tool, "hatch", "build", "targets", "wheel")
    for source, target in _at(hatch, "shared-data").items():
        yield f"data/{target}", source
    for source, target in _at(hatch, "shared-scripts").items():
        yield f"scripts/{target}", source
    for source in _list(_at(tool, "setuptools").get("script-files")):
        yield f"scripts/{PurePosixPath(source).name}", source
    for target, sources in _at(tool, "setuptools", "data-files").items():
        for source in _list(sources):
            yield f"data/{target}/{PurePosixPath(source).name}", source
    directory = _at(tool, "flit", "external-data").get("directory")
    if isinstance(directory, str):
        yield "data", directory


def _at(table: object, *keys: str) -> dict[str, Any]:
    for key in keys:
        table = table.get(key) if isinstance(table, dict) else None
    return table if isinstance(table, dict) else {}


def _list(value: object) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


GATES = (
    packing.safe_paths,
    committed,
    dist_info,
    data_folder,
    wheel.record,
    wheel.wheel_file,
    identity.metadata,
    identity.entry_points,
    identity.stated_version,
)
