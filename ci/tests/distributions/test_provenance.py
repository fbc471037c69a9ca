"""Distributions that hold something that git and pyproject.toml don't say."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ci.checkout.tree import working_tree
from ci.distributions.checks import provenance
from ci.distributions.normalize import normalize_sdist
from ci.errors import UserError
from ci.package.project import Project, Settings, read_project
from ci.tests.distributions.subjects import found, subject
from ci.tests.samples import (
    EPOCH,
    FILES,
    METADATA,
    STEM,
    commit,
    git,
    make_package,
    make_sdist,
    make_wheel,
    write,
)

if TYPE_CHECKING:
    from pathlib import Path

INFO, DATA = f"{STEM}.dist-info", f"{STEM}.data"
INIT = "demo_pkg/__init__.py"
_MORE = """
license-files = ["LICENSE"]
dependencies = ["requests>=2"]
[project.optional-dependencies]
fast = ["numpy"]
[project.scripts]
demo = "demo_pkg:main"
[project.entry-points."demo.plugins"]
one = "demo_pkg.one:Plugin"
[tool.hatch.build.targets.wheel.shared-data]
"share" = "share/demo"
[tool.hatch.build.targets.wheel.shared-scripts]
"scripts/demo.sh" = "demo.sh"
"scripts/demo.py" = "demo-too"
"scripts/module.py" = "demo-module"
"""
_SCRIPT = "#!/usr/bin/env python3\nprint('demo')\n"
_METADATA = METADATA.replace(
    b"\n\n",
    b"\nRequires-Dist: requests>=2\nRequires-Dist: numpy; extra == 'fast'\n"
    b"Provides-Extra: fast\n\n",
)
_ENTRIES = b"[console_scripts]\ndemo = demo_pkg:main\n\n[demo.plugins]\none = demo_pkg.one:Plugin\n"
# What a wheel of that package holds, besides what every wheel of these tests does.
_GOOD = {
    f"{INFO}/METADATA": _METADATA,
    f"{INFO}/entry_points.txt": _ENTRIES,
    f"{INFO}/top_level.txt": b"demo_pkg\n",
    f"{INFO}/licenses/LICENSE": b"Do as you like.\n",
    f"{DATA}/data/share/demo/a/words.txt": b"words\n",
    f"{DATA}/scripts/demo.sh": b"#!/bin/sh\n",
    f"{DATA}/scripts/demo-too": b"#!python\nprint('demo')\n",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A package with dependencies, an extra, entry points, data, scripts and a licence."""
    root = make_package(tmp_path_factory.mktemp("package"), more=_MORE)
    write(
        root,
        {
            "LICENSE": "Do as you like.\n",
            "share/a/words.txt": "words\n",
            "scripts/demo.sh": "#!/bin/sh\n",
            "scripts/demo.py": _SCRIPT,
            "scripts/module.py": "import guard\nrun()\n",
            "src/demo_extra.pth": "import demo_pkg\n",
        },
    )
    commit(root)
    return read_project(root)


def wheel_of(folder: Path, more: dict[str, bytes] | None = None) -> Path:
    return make_wheel(folder, {**_GOOD, **(more or {})})


def sdist_of(project: Project, folder: Path, more: dict[str, bytes] | None = None) -> Path:
    pyproject = (project.root / "pyproject.toml").read_bytes()
    return make_sdist(folder, {"PKG-INFO": _METADATA, "pyproject.toml": pyproject, **(more or {})})


def test_what_git_and_pyproject_say_passes(project: Project, tmp_path: Path) -> None:
    for distribution in (wheel_of(tmp_path), sdist_of(project, tmp_path)):
        assert found(provenance.provenance, project, distribution) == []
    provenance.require_provenance(project, sorted(tmp_path.iterdir()))


# What entry_points.txt holds, each time with the finding entry-points.
CRAFTED_ENTRIES = {
    "an entry point python3": _ENTRIES.replace(b"demo =", b"python3 = evil:main\ndemo ="),
    "another target of an entry point": _ENTRIES.replace(b"demo_pkg:main", b"demo_pkg:evil"),
    "an entry point in capitals": _ENTRIES.replace(b"demo =", b"DEMO ="),
    "a group of entry points more": _ENTRIES + b"[pytest11]\nevil = evil\n",
    "an entry point twice": _ENTRIES + b"two = a:b\ntwo = evil:b\n",
    "an entry point twice, last as it should be": _ENTRIES.replace(
        b"demo =", b"demo = evil:main\ndemo ="
    ),
    "an entry point with a form feed in it": _ENTRIES.replace(b"demo_pkg:", b"demo_pkg:\x0c"),
    "an entry point behind a carriage return": _ENTRIES + b"# x\r[pytest11]\revil = demo_pkg\n",
    "an entry point behind a form feed": _ENTRIES + b"# x\x0c[pytest11]\x0cevil = demo_pkg\n",
    "an entry point that is a comment to some": _ENTRIES.replace(
        b"demo =", b"; evil = demo_pkg\ndemo ="
    ),
    "an entry point behind its group": _ENTRIES.replace(b"ns]", b"ns] evil = demo_pkg"),
    "no entry points": b"",
}
CRAFTED_WHEELS: dict[str, tuple[dict[str, bytes], set[str]]] = {
    "a changed module": ({INIT: b"evil\n"}, {"not-committed"}),
    "a changed version": ({INIT: b'__version__ = "1.2.1"\n'}, {"not-committed", "stated-version"}),
    "a module that is nested too deeply": (
        {INIT: b"__version__ = " + b"-" * 99_999 + b"1"},
        {"not-committed"},
    ),
    "a version of thousands of digits": (
        {INIT: b"__version__ = '" + b"9" * 9999 + b"'"},
        {"not-committed", "stated-version"},
    ),
    "another end of lines": (
        {INIT: FILES["src/demo_pkg/__init__.py"].replace("\n", "\r\n").encode()},
        {"not-committed"},
    ),
    "a module of another file's bytes": ({"demo_pkg/py.typed": b"Demo.\n"}, {"not-committed"}),
    "a module more": ({"demo_pkg/evil.py": b""}, {"untracked"}),
    "a package more": ({"pip/__init__.py": b""}, {"untracked"}),
    "a .pth": ({"demo.pth": b"import evil\n"}, {"untracked"}),
    "a changed .pth": ({"demo_extra.pth": b"import evil\n"}, {"not-committed"}),
    "a file of the repository's top": ({"README.md": b"Demo.\n"}, {"untracked"}),
    "bytecode": ({"demo_pkg/__pycache__/a.cpython-312.pyc": b""}, {"untracked"}),
    "an extension module": ({"demo_pkg/_fast.so": b"\x7fELF"}, {"untracked"}),
    "a script called pip": ({f"{DATA}/scripts/pip": b"#!python\n"}, {"data-folder"}),
    "a declared script with other bytes": (
        {f"{DATA}/scripts/demo.sh": b"#!/bin/sh\nevil\n"},
        {"data-folder"},
    ),
    "a declared script with another first line": (
        {f"{DATA}/scripts/demo-too": b"#!/bin/evil\nprint('demo')\n"},
        {"data-folder"},
    ),
    "a declared script with another second line": (
        {f"{DATA}/scripts/demo-too": b"#!python\nprint('evil')\n"},
        {"data-folder"},
    ),
    "a shell script that became a Python one": (
        {f"{DATA}/scripts/demo.sh": b"#!python\n"},
        set(),
    ),
    "a module that became a script without its first line": (
        {f"{DATA}/scripts/demo-module": b"#!python\nrun()\n"},
        {"data-folder"},
    ),
    "data with other bytes": ({f"{DATA}/data/share/demo/a/words.txt": b"evil"}, {"data-folder"}),
    "data that nobody declared": ({f"{DATA}/data/etc/evil.conf": b""}, {"data-folder"}),
    "purelib": ({f"{DATA}/purelib/demo_pkg/__init__.py": b"evil\n"}, {"data-folder"}),
    "platlib": ({f"{DATA}/platlib/evil.py": b""}, {"data-folder"}),
    "headers": ({f"{DATA}/headers/evil.h": b""}, {"data-folder"}),
    "another data folder": (
        {"other-1.data/scripts/demo.sh": b"#!/bin/sh\n"},
        {"data-folder", "untracked"},
    ),
    "data in capitals": ({f"{DATA.upper()}/scripts/pip": b""}, {"data-folder", "untracked"}),
    "a second dist-info": ({"pip-99.dist-info/METADATA": _METADATA}, {"dist-info", "untracked"}),
    "a dist-info in capitals": (
        {f"{INFO.upper()}/RECORD": b""},
        {"dist-info", "unsafe-member", "untracked"},
    ),
    "an egg-info": ({"demo_pkg.egg-info/PKG-INFO": _METADATA}, {"dist-info", "untracked"}),
    "RECORD.jws": ({f"{INFO}/RECORD.jws": b"{}"}, {"dist-info"}),
    "RECORD.p7s": ({f"{INFO}/RECORD.p7s": b""}, {"dist-info"}),
    "INSTALLER": ({f"{INFO}/INSTALLER": b"evil"}, {"dist-info"}),
    "direct_url.json": ({f"{INFO}/direct_url.json": b"{}"}, {"dist-info"}),
    "a licence that git lacks": ({f"{INFO}/licenses/OTHER": b"Pay.\n"}, {"dist-info"}),
    "a licence with other bytes": ({f"{INFO}/licenses/LICENSE": b"Pay.\n"}, {"dist-info"}),
    "a top level that is not there": ({f"{INFO}/top_level.txt": b"demo_pkg\npip\n"}, {"dist-info"}),
    "a dependency more": (
        {f"{INFO}/METADATA": _METADATA.replace(b"\n\n", b"\nRequires-Dist: evil\n\n")},
        {"metadata"},
    ),
    "a dependency less": (
        {f"{INFO}/METADATA": _METADATA.replace(b"Requires-Dist: requests>=2\n", b"")},
        {"metadata"},
    ),
    "an older dependency": (
        {f"{INFO}/METADATA": _METADATA.replace(b"requests>=2", b"requests")},
        {"metadata"},
    ),
    "another dependency on some machines": (
        {
            f"{INFO}/METADATA": _METADATA.replace(
                b"\n\n", b"\nRequires-Dist: requests<1; platform_machine == 'aarch64'\n\n"
            )
        },
        {"metadata"},
    ),
    "an extra more": (
        {f"{INFO}/METADATA": _METADATA.replace(b"\n\n", b"\nProvides-Extra: more\n\n")},
        {"metadata"},
    ),
    "an extra that is always on": (
        {f"{INFO}/METADATA": _METADATA.replace(b"; extra == 'fast'", b"")},
        {"metadata"},
    ),
    "another Python": (
        {f"{INFO}/METADATA": _METADATA.replace(b">=3.8", b">=3.6")},
        {"metadata"},
    ),
    "another name": (
        {f"{INFO}/METADATA": _METADATA.replace(b"demo-pkg", b"pip")},
        {"metadata"},
    ),
    "another version": (
        {f"{INFO}/METADATA": _METADATA.replace(b"1.2.0", b"9.9.9")},
        {"metadata"},
    ),
    "no metadata": ({f"{INFO}/METADATA": b""}, {"metadata"}),
    "a wheel file of another tag": (
        {f"{INFO}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: cp312-cp312-win32\n"},
        {"wheel-file"},
    ),
    "a wheel file that is not pure": (
        {f"{INFO}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: py3-none-any\n"},
        {"wheel-file"},
    ),
    "a record that can't be read": ({f"{INFO}/RECORD": b'"' + b"a" * 200_000}, {"record"}),
    "a record without lines": ({f"{INFO}/RECORD": b""}, {"record"}),
    "a path that leads out": ({"../evil.py": b""}, {"unsafe-member", "untracked"}),
    "an absolute path": ({"/evil.py": b""}, {"unsafe-member", "untracked"}),
    "a folder with bytes": ({"demo_pkg/": b"evil"}, {"unsafe-member"}),
    "another case": ({"Demo_Pkg/__init__.py": b""}, {"unsafe-member", "untracked"}),
    **{
        name: ({f"{INFO}/entry_points.txt": text}, {"entry-points"})
        for name, text in CRAFTED_ENTRIES.items()
    },
}


@pytest.mark.parametrize("name", CRAFTED_WHEELS)
def test_a_crafted_wheel_is_refused_by_the_gate_that_it_is_for(
    project: Project, tmp_path: Path, name: str
) -> None:
    more, rules = CRAFTED_WHEELS[name]
    wheel = wheel_of(tmp_path, more)
    assert {rule for _, rule in found(provenance.provenance, project, wheel)} == rules
    if not rules:
        return
    with pytest.raises(UserError) as caught:
        provenance.require_provenance(project, [wheel])
    assert caught.value.code == "gates"
    assert all(f"[{rule}]" in caught.value.found for rule in rules)


def test_line_ends_that_differ_from_those_in_git_are_named_as_the_only_difference(
    project: Project, tmp_path: Path
) -> None:
    crlf = FILES["src/demo_pkg/__init__.py"].replace("\n", "\r\n").encode()
    (said,) = provenance.committed(subject(project, wheel_of(tmp_path, {INIT: crlf})))
    assert said.rule == "not-committed"
    assert said.found == "its line ends differ from those of src/demo_pkg/__init__.py in git"
    assert "core.autocrlf" in said.remedy
    assert "not-in-git" not in said.remedy
    (said,) = provenance.committed(subject(project, wheel_of(tmp_path, {INIT: crlf + b"evil"})))
    assert "line ends" not in said.found


def test_an_archive_that_is_not_plain_is_not_looked_into(project: Project, tmp_path: Path) -> None:
    wheel = wheel_of(tmp_path, {INIT: b"evil"})
    wheel.write_bytes(b"prefix" + wheel.read_bytes())
    assert found(provenance.provenance, project, wheel) == [("", "packing")]
    with pytest.raises(UserError, match="packing"):
        provenance.require_provenance(project, [wheel])


CRAFTED_SDISTS: dict[str, tuple[dict[str, bytes], set[str]]] = {
    "a changed module": ({"src/demo_pkg/__init__.py": b"evil\n"}, {"not-committed"}),
    "a changed pyproject.toml": ({"pyproject.toml": b""}, {"not-committed"}),
    "a pyproject.toml that is nested too deeply": (
        {"pyproject.toml": b"x = " + b"[" * 9999 + b"]" * 9999},
        {"not-committed"},
    ),
    "a setup.py": ({"setup.py": b"evil()\n"}, {"untracked"}),
    "a conftest.py": ({"tests/conftest.py": b"evil()\n"}, {"untracked"}),
    "a dependency more": (
        {"PKG-INFO": _METADATA.replace(b"\n\n", b"\nRequires-Dist: evil\n\n")},
        {"metadata"},
    ),
    "another backend's egg-info": ({"src/demo_pkg.egg-info/SOURCES.txt": b""}, {"untracked"}),
    "a .pth": ({"src/evil.pth": b""}, {"untracked"}),
}


@pytest.mark.parametrize("name", CRAFTED_SDISTS)
def test_a_crafted_sdist_is_refused_by_the_gate_that_it_is_for(
    project: Project, tmp_path: Path, name: str
) -> None:
    more, rules = CRAFTED_SDISTS[name]
    sdist = sdist_of(project, tmp_path, more)
    assert {rule for _, rule in found(provenance.provenance, project, sdist)} == rules


def test_findings_say_which_file_of_git_it_is(project: Project, tmp_path: Path) -> None:
    wheel = wheel_of(tmp_path, {INIT: b"evil", "demo_pkg/evil.py": b"evil"})
    changed, added = provenance.committed(subject(project, wheel))
    assert changed.found == "it differs from src/demo_pkg/__init__.py in git"
    assert (added.member, added.found) == ("demo_pkg/evil.py", "git does not track it")


# --- what the build makes ------------------------------------------------------------------------


def test_what_the_build_makes_passes_where_it_is_named(project: Project, tmp_path: Path) -> None:
    named = replace(project, settings=Settings(not_in_git=("demo_pkg/_version.py",)))
    wheel = wheel_of(tmp_path, {"demo_pkg/_version.py": b""})
    sdist = sdist_of(project, tmp_path, {"src/demo_pkg/_version.py": b""})
    for distribution in (wheel, sdist):
        assert [rule for _, rule in found(provenance.committed, project, distribution)] == [
            "untracked"
        ]
        assert found(provenance.provenance, named, distribution) == []


def test_no_setting_lets_anything_into_dist_info_or_data(project: Project, tmp_path: Path) -> None:
    named = replace(project, settings=Settings(not_in_git=("*",)))
    more = {f"{INFO}/evil": b"", f"{DATA}/scripts/pip": b"", "pip-9.dist-info/RECORD": b""}
    rules = [rule for _, rule in found(provenance.provenance, named, wheel_of(tmp_path, more))]
    assert sorted(rules) == ["data-folder", "dist-info", "dist-info"]


_PUT_IN = (
    b'name = "demo-pkg"\ndynamic = ["version"]',
    b'name = "demo-pkg"\nversion = "1.2.0"\ndynamic = []',
)


def test_pyproject_may_be_written_anew_and_get_its_version(
    project: Project, tmp_path: Path
) -> None:
    text = (project.root / "pyproject.toml").read_bytes()
    assert _PUT_IN[0] in text
    for written in (
        b"# anew\n" + text,
        text.replace(*_PUT_IN),
        text.replace(*_PUT_IN) + b"[tool]\n",
    ):
        original = {"pyproject.toml": written, "pyproject.toml.orig": text}
        assert found(provenance.committed, project, sdist_of(project, tmp_path, original)) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"hatchling.build", b"evil"),
        (b'["hatchling"]', b'["hatchling", "evil"]'),
        (b'["requests>=2"]', b'["evil"]'),
        (b'dynamic = ["version"]', b'version = "1.2.0"\ndynamic = ["scripts"]'),
        (b"[project]", b"[project"),
        (b"[project]", b"\xff"),
    ],
)
def test_pyproject_must_not_say_anything_else(
    project: Project, tmp_path: Path, old: bytes, new: bytes
) -> None:
    written = (project.root / "pyproject.toml").read_bytes().replace(old, new)
    sdist = sdist_of(project, tmp_path, {"pyproject.toml": written, "pyproject.toml.orig": written})
    assert found(provenance.committed, project, sdist) == [
        ("pyproject.toml", "not-committed"),
        ("pyproject.toml.orig", "untracked"),
    ]


def test_a_version_that_is_not_dynamic_is_not_put_in(project: Project, tmp_path: Path) -> None:
    text = (project.root / "pyproject.toml").read_bytes()
    sdist = sdist_of(project, tmp_path, {"pyproject.toml": text.replace(*_PUT_IN)})
    static = replace(project, dynamic=frozenset())
    assert found(provenance.committed, static, sdist) == [("pyproject.toml", "not-committed")]


def test_poetry_dynamic_versioning_may_note_that_it_has_run(tmp_path: Path) -> None:
    more = '[tool.poetry]\nversion = "0.0.0"\n[tool.poetry-dynamic-versioning]\nenable = true\n'
    root = make_package(tmp_path / "package", more=more)
    project, text = read_project(root), (root / "pyproject.toml").read_bytes()
    for old, new, count in (
        (b"enable = true", b"enable = false", 0),
        (b'version = "0.0.0"\n', b"", 0),
        (b"enable = true", b'enable = true\nhook = "evil"', 1),
        (b'version = "0.0.0"\n', b'name = "evil"\n', 1),
    ):
        sdist = make_sdist(tmp_path, {"pyproject.toml": text.replace(old, new)})
        assert len(found(provenance.committed, project, sdist)) == count


def test_without_gits_pyproject_there_is_nothing_to_compare(tmp_path: Path) -> None:
    root = make_package(tmp_path / "package")
    project, text = read_project(root), (root / "pyproject.toml").read_bytes()
    write(root, {"pyproject.toml": "# changed\n" + text.decode()})
    for packed in (b"# anew\n" + text, b""):
        sdist = make_sdist(tmp_path, {"pyproject.toml": packed})
        assert found(provenance.committed, project, sdist) == [("pyproject.toml", "not-committed")]


def test_folders_are_members_where_they_hold_something(project: Project, tmp_path: Path) -> None:
    folders = dict.fromkeys(("demo_pkg/", f"{INFO}/", f"{DATA}/", f"{DATA}/scripts/"), b"")
    assert found(provenance.provenance, project, wheel_of(tmp_path, folders)) == []
    empty = dict.fromkeys(("demo_pkg/a/", f"{INFO}/evil/", "pip/"), b"")
    assert sorted(found(provenance.provenance, project, wheel_of(tmp_path, empty))) == [
        (f"{INFO}/evil", "unsafe-member"),
        ("demo_pkg/a", "unsafe-member"),
        ("pip", "unsafe-member"),
    ]


SETUPTOOLS = {
    "src/demo_pkg.egg-info/PKG-INFO": _METADATA,
    "src/demo_pkg.egg-info/SOURCES.txt": b"setup.cfg\n",
    "setup.cfg": b"[egg_info]\ntag_build = \ntag_date = 0\n\n",
}


def test_what_setuptools_makes_passes_under_setuptools_alone(
    project: Project, tmp_path: Path
) -> None:
    sdist = sdist_of(project, tmp_path, SETUPTOOLS)
    assert len(found(provenance.committed, project, sdist)) == len(SETUPTOOLS)
    under = replace(project, build_backend="setuptools.build_meta")
    assert found(provenance.provenance, under, sdist) == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("setup.cfg", b"[egg_info]\n[options.entry_points]\nconsole_scripts = pip = evil\n"),
        ("setup.cfg", b"# \r[options]\rsetup_requires = evil\r\n[egg_info]\ntag_date = 0\n"),
        ("setup.cfg", b"no section\n"),
        ("src/demo_pkg.egg-info/PKG-INFO", b"other"),
        ("src/demo_pkg.egg-info/evil.py", b""),
        ("src/demo_pkg.egg-info.d/SOURCES.txt", b""),
    ],
)
def test_what_setuptools_would_not_make_is_named(
    project: Project, tmp_path: Path, name: str, content: bytes
) -> None:
    under = replace(project, build_backend="setuptools.build_meta")
    sdist = sdist_of(project, tmp_path, {**SETUPTOOLS, name: content})
    assert [member for member, _ in found(provenance.committed, under, sdist)] == [name]


def test_the_entry_points_that_setuptools_puts_into_an_sdist_are_those_of_pyproject(
    project: Project, tmp_path: Path
) -> None:
    under = replace(project, build_backend="setuptools.build_meta")
    name = "src/demo_pkg.egg-info/entry_points.txt"
    sdist = sdist_of(project, tmp_path, {**SETUPTOOLS, name: _ENTRIES})
    assert found(provenance.provenance, under, sdist) == []
    more = _ENTRIES + b"[distutils.commands]\nbuild_py = evil:Build\n"
    sdist = sdist_of(project, tmp_path, {**SETUPTOOLS, name: more})
    assert found(provenance.provenance, under, sdist) == [(name, "entry-points")]


def test_setuptools_may_add_its_section_to_the_setup_cfg_that_git_has(tmp_path: Path) -> None:
    root = make_package(tmp_path / "package")
    write(root, {"setup.cfg": "[tool:pytest]\naddopts = -ra\n"})
    commit(root)
    project = replace(read_project(root), build_backend="setuptools.build_meta")
    added = b"[tool:pytest]\naddopts = -ra\n\n[egg_info]\ntag_build = \n"
    sdist = make_sdist(tmp_path, {"setup.cfg": added})
    assert found(provenance.committed, project, sdist) == []
    for other in (b"[egg_info]\n", added.replace(b"-ra", b"-p evil"), added + b"[evil]\n"):
        sdist = make_sdist(tmp_path, {"setup.cfg": other})
        assert found(provenance.committed, project, sdist) == [("setup.cfg", "not-committed")]
    # What lies there must be what git has, or there is nothing to compare with.
    sdist = make_sdist(tmp_path, {"setup.cfg": added.replace(b"-ra", b"-p evil")})
    write(root, {"setup.cfg": "[tool:pytest]\naddopts = -p evil\n"})
    assert found(provenance.committed, project, sdist) == [("setup.cfg", "not-committed")]


def test_hatchling_adds_the_gitignore_of_a_folder_above_and_no_other(tmp_path: Path) -> None:
    root = make_package(tmp_path / "repository" / "package")
    shutil.rmtree(root / ".git")
    git(root.parent, "init", "--quiet")
    write(root.parent, {".gitignore": "above\n"})
    commit(root.parent)
    project = read_project(root)
    above = make_sdist(tmp_path, {".gitignore": b"above\n"})
    assert found(provenance.committed, project, above) == []
    under = replace(project, build_backend="flit_core.buildapi")
    assert found(provenance.committed, under, above) == [(".gitignore", "not-committed")]
    hiding = make_sdist(tmp_path, {".gitignore": b"verify_signature.py\n"})
    assert found(provenance.committed, project, hiding) == [(".gitignore", "not-committed")]


# --- what pyproject.toml leaves to the backend ---------------------------------------------------


@pytest.mark.parametrize(
    ("dynamic", "more"),
    [
        ("scripts", {f"{INFO}/entry_points.txt": _ENTRIES.replace(b"demo =", b"other =")}),
        ("gui-scripts", {f"{INFO}/entry_points.txt": _ENTRIES + b"[gui_scripts]\na = b:c\n"}),
        ("entry-points", {f"{INFO}/entry_points.txt": _ENTRIES + b"[other]\na = b:c\n"}),
        ("dependencies", {f"{INFO}/METADATA": _METADATA.replace(b"requests>=2", b"requests>=3")}),
        ("requires-python", {f"{INFO}/METADATA": _METADATA.replace(b">=3.8", b">=3.9")}),
        (
            "optional-dependencies",
            {f"{INFO}/METADATA": _METADATA.replace(b"Provides-Extra: fast\n", b"")},
        ),
    ],
)
def test_what_is_dynamic_is_taken_from_the_backend_and_nothing_else_is(
    project: Project, tmp_path: Path, dynamic: str, more: dict[str, bytes]
) -> None:
    wheel = wheel_of(tmp_path, more)
    assert len(found(provenance.provenance, project, wheel)) >= 1
    left = replace(project, dynamic=frozenset({dynamic}))
    assert found(provenance.provenance, left, wheel) == []
    others = frozenset({"readme", "classifiers", "version"})
    assert len(found(provenance.provenance, replace(project, dynamic=others), wheel)) >= 1


def test_a_static_version_is_that_of_the_distributions(project: Project, tmp_path: Path) -> None:
    wheel = wheel_of(tmp_path)
    same = replace(project, static_version="1.2.0.0")
    assert found(provenance.provenance, same, wheel) == []
    other = replace(project, static_version="1.2.1")
    assert found(provenance.provenance, other, wheel) == [(f"{INFO}/METADATA", "metadata")]


@pytest.mark.parametrize(
    ("tool", "member", "source"),
    [
        ({"setuptools": {"script-files": ["scripts/demo.sh"]}}, "scripts/demo.sh", "#!/bin/sh\n"),
        (
            {"setuptools": {"data-files": {"share/x": ["share/a/words.txt"]}}},
            "data/share/x/words.txt",
            "words\n",
        ),
        ({"flit": {"external-data": {"directory": "share"}}}, "data/a/words.txt", "words\n"),
        (
            {"hatch": {"build": {"targets": {"wheel": {"shared-data": {"share/": "x"}}}}}},
            "data/x/a/words.txt",
            "words\n",
        ),
    ],
)
def test_data_is_declared_in_each_backends_own_way(
    project: Project, tmp_path: Path, tool: dict[str, object], member: str, source: str
) -> None:
    wheel = make_wheel(tmp_path, {f"{DATA}/{member}": source.encode()})
    assert found(provenance.data_folder, replace(project, tool=tool), wheel) == []
    assert found(provenance.data_folder, replace(project, tool={}), wheel) == [
        (f"{DATA}/{member}", "data-folder")
    ]


@pytest.mark.parametrize(
    "tool",
    [
        {"hatch": "text"},
        {"setuptools": {"script-files": "text", "data-files": {"a": 1}}},
        {"flit": {"external-data": {"directory": 1}}},
    ],
)
def test_tables_of_another_form_declare_nothing(
    project: Project, tmp_path: Path, tool: dict[str, object]
) -> None:
    wheel = make_wheel(tmp_path, {f"{DATA}/scripts/demo.sh": b"#!/bin/sh\n"})
    broken = replace(project, tool=tool)
    assert [rule for _, rule in found(provenance.data_folder, broken, wheel)] == ["data-folder"]


# --- what is compared with what ------------------------------------------------------------------


def test_publishing_compares_with_head(tmp_path: Path) -> None:
    root = make_package(tmp_path / "package")
    write(root, {"src/demo_pkg/__init__.py": '__version__ = "1.2.0"  # not committed\n'})
    project = read_project(root)
    text = (root / "src/demo_pkg/__init__.py").read_bytes()
    wheel = make_wheel(tmp_path, {INIT: text})
    looked = subject(project, wheel, working_tree(root))
    assert list(provenance.provenance(looked)) == []
    with pytest.raises(UserError, match=r"differs from src/demo_pkg/__init__\.py in git"):
        provenance.require_provenance(project, [wheel])
    commit(root)
    provenance.require_provenance(project, [wheel])


def test_a_change_that_is_not_what_was_built_is_named_as_such(tmp_path: Path) -> None:
    root = make_package(tmp_path / "package")
    write(root, {"src/demo_pkg/__init__.py": '__version__ = "1.2.0"  # changed since\n'})
    looked = subject(read_project(root), make_wheel(tmp_path), working_tree(root))
    (finding,) = provenance.provenance(looked)
    assert finding.found == "it differs from src/demo_pkg/__init__.py in the working tree"


def test_an_sdist_that_was_packed_at_another_time_is_the_same(
    project: Project, tmp_path: Path
) -> None:
    sdist = sdist_of(project, tmp_path)
    normalize_sdist(sdist, epoch=EPOCH + 1)
    assert found(provenance.provenance, project, sdist) == []


def test_a_file_that_git_ignores_is_not_tracked(tmp_path: Path) -> None:
    root = make_package(tmp_path / "package")
    write(root, {"src/demo_pkg/build/evil.py": ""})
    assert "evil" not in git(root, "status", "--porcelain")
    wheel = make_wheel(tmp_path, {"demo_pkg/build/evil.py": b""})
    assert found(provenance.committed, read_project(root), wheel) == [
        ("demo_pkg/build/evil.py", "untracked")
    ]
