"""What a package lacks, from what it has: for its tests, its backend, and the tools."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ci.adopt.adopter import read_adopter
from ci.adopt.edit import to_paste, written
from ci.adopt.inis import ini_changes
from ci.adopt.needs import Need, needs
from ci.adopt.notes import notes
from ci.adopt.shipped import manifest_lines
from ci.errors import UserError
from ci.tests.samples import git, write

if TYPE_CHECKING:
    from collections.abc import Callable

    Lacking = Callable[..., dict[str, Any]]

ROOT = Path(__file__).parents[3]
HEAD = """\
[project]
name = "demo-pkg"
version = "1.2.0"
classifiers = ["Programming Language :: Python :: 3.8", "Programming Language :: Python :: 3.12"]
"""
RUNNERS = ["pytest>=7", "pytest-cov>=4"]
FAST = '[project.optional-dependencies]\ntest = ["pytest"]\nfast = ["six"]\n'
RELATIVE = "relative_files = true\n"
MEASURED = "source = demo_pkg\nbranch = 1\n"
MAPPED = "    src/demo_pkg\n    **/site-packages/demo_pkg\n"
COVERAGE = """\
[run]
source_pkgs =
    demo_pkg
branch = true
relative_files = true

[paths]
source =
    src/demo_pkg
    **/site-packages/demo_pkg
"""
POETRY = """\
[tool.poetry.group.dev.dependencies]
python = "*"
pytest = "^8.1"
attrs = "~23.1,<24"
six = "1.16"
local = { path = "x" }
mock = { version = "*", extras = ["a"] }
"""


@pytest.fixture
def lacking(package: Path) -> Lacking:
    """What adopt would add to a pyproject.toml, by dotted key."""

    def call(more: str, *, backend: str = "flit_core.buildapi", **files: str) -> dict[str, Any]:
        build = f'[build-system]\nrequires = []\nbuild-backend = "{backend}"\n'
        write(package, {"pyproject.toml": HEAD + more + build, **files})
        found = needs(ROOT, read_adopter(ROOT, package))
        return {".".join((*need.table, need.key)): need.value for need in found}

    return call


@pytest.mark.parametrize(
    ("more", "group"),
    [
        ("", RUNNERS),
        ('[dependency-groups]\ntest = ["attrs"]\n', ["attrs", *RUNNERS]),
        (
            '[dependency-groups]\ntest = ["pytest", "hypothesis"]\n',
            ["pytest", "hypothesis", RUNNERS[1]],
        ),
        (
            '[dependency-groups]\ndev = ["pytest", "pytest_cov"]\n',
            [{"include-group": "dev"}],
        ),
        (
            '[dependency-groups]\ntests = ["nox"]\ndev = ["Pytest"]\n',
            [{"include-group": "dev"}, RUNNERS[1]],
        ),
        ('[project.optional-dependencies]\ntests = ["pytest>=8"]\n', ["pytest>=8", RUNNERS[1]]),
        (
            '[project.optional-dependencies]\ndev = ["Demo_Pkg[test]", "tox"]\ntest = ["pytest"]\n',
            ["pytest", RUNNERS[1]],
        ),
        (
            '[project.optional-dependencies]\ndev = ["Demo_Pkg[a,dev]"]\na = ["pytest", "tox"]\n',
            ["pytest", "tox", RUNNERS[1]],
        ),
        (POETRY, ["pytest>=8.1", "attrs>=23.1,<24", "six==1.16", "mock[a]", RUNNERS[1]]),
        ('[tool.poetry.dev-dependencies]\npytest = ">=8"\n', ["pytest>=8", RUNNERS[1]]),
        ('[tool.pdm.dev-dependencies]\ntest = ["pytest"]\n', ["pytest", RUNNERS[1]]),
        ('[tool.hatch.envs.default]\ndependencies = ["pytest"]\n', ["pytest", RUNNERS[1]]),
        (
            '[tool.pdm.dev-dependencies]\ntest = ["-e file:///x", "pytest"]\n',
            ["pytest", RUNNERS[1]],
        ),
        ('[project.optional-dependencies]\ntest = ["six"]\n', ["six", *RUNNERS]),
        ('[tool.hatch.envs.hatch-test]\nextra-dependencies = ["six"]\n', ["six", *RUNNERS]),
    ],
)
def test_what_the_tests_need_is_taken_from_where_it_stands(
    lacking: Lacking, more: str, group: list[Any]
) -> None:
    assert lacking(more)["dependency-groups.test"] == group


def test_a_group_for_types_needs_mypy_and_nothing_of_the_pipelines_own(lacking: Lacking) -> None:
    found = lacking('[dependency-groups]\ntypecheck = ["attrs"]\n[tool.mypy]\n')
    assert found["dependency-groups.typecheck"] == ["attrs", "mypy"]


def test_what_the_tests_need_is_taken_from_tox_too(lacking: Lacking) -> None:
    tox = "[testenv]\ndeps =\n  pytest\n  six>1\n  -rother.txt\n  {[x]deps}\n  py38: old\n"
    assert lacking("", **{"tox.ini": tox})["dependency-groups.test"] == [
        "pytest",
        "six>1",
        RUNNERS[1],
    ]


def test_a_group_that_holds_all_is_left_alone(lacking: Lacking) -> None:
    assert "dependency-groups.test" not in lacking(
        '[dependency-groups]\ntest = [{ include-group = "all" }]\nall = ["pytest", "pytest-cov"]\n'
    )


def test_a_group_that_can_not_be_resolved_is_named(lacking: Lacking) -> None:
    with pytest.raises(UserError, match="'test' can't be resolved") as raised:
        lacking('[dependency-groups]\ntest = [{ include-group = "gone" }]\n')
    assert raised.value.code == "adopt-group"


def test_a_group_named_like_one_of_the_pipelines_gets_what_the_session_needs(
    lacking: Lacking,
) -> None:
    found = lacking('[dependency-groups]\nlint = ["Black", "flake8"]\ndocs = ["sphinx"]\n')
    assert [text.split(">")[0] for text in found["dependency-groups.lint"]] == [
        *("Black", "flake8", "ruff")
    ]
    assert "dependency-groups.docs" not in found


@pytest.mark.parametrize(
    ("backend", "more", "added"),
    [
        (
            "hatchling.build",
            '[tool.hatch.build.targets.sdist]\nexclude = ["/x", "/ci"]\n',
            {
                "tool.hatch.build.targets.sdist.exclude": [
                    *("/x", "/ci", "/.python-version", "/buildspec.yml", "/cdk", "/noxfile.py")
                ]
            },
        ),
        (
            "setuptools.build_meta",
            "",
            {"tool.setuptools.packages.find.include": ["demo_pkg", "demo_pkg.*"]},
        ),
        ("pdm.backend", "", {"tool.pdm.build.includes": ["demo_pkg"]}),
    ],
)
def test_the_pipelines_files_are_kept_out_of_the_distributions(
    package: Path, lacking: Lacking, backend: str, more: str, added: dict[str, list[str]]
) -> None:
    git(package, "mv", "src/demo_pkg", "demo_pkg")
    found = lacking(more, backend=backend)
    assert {key: found.get(key) for key in added} == added


@pytest.mark.parametrize(
    ("backend", "more"),
    [
        ("hatchling.build", '[tool.hatch.build.targets.sdist]\nonly-include = ["src"]\n'),
        ("setuptools.build_meta", '[tool.setuptools]\npackages = ["demo_pkg"]\n'),
        ("setuptools.build_meta", '[tool.setuptools.packages.find]\ninclude = ["demo*"]\n'),
        ("pdm.backend", '[tool.pdm.build]\nincludes = ["demo_pkg"]\n'),
        ("poetry.core.masonry.api", ""),
        ("flit_core.buildapi", ""),
    ],
)
def test_a_backend_that_is_told_what_to_ship_needs_nothing(
    package: Path, lacking: Lacking, backend: str, more: str
) -> None:
    git(package, "mv", "src/demo_pkg", "demo_pkg")
    ours = ("dependency-groups.", "tool.ci.", "tool.coverage.", "tool.mypy.", "tool.ruff.")
    assert [key for key in lacking(more, backend=backend) if not key.startswith(ours)] == []


def test_setuptools_packages_may_be_told_of_in_its_older_files(
    package: Path, lacking: Lacking
) -> None:
    git(package, "mv", "src/demo_pkg", "demo_pkg")
    found = lacking(
        "", backend="setuptools.build_meta", **{"setup.cfg": "[options]\npackages = demo_pkg\n"}
    )
    assert "tool.setuptools.packages.find.include" not in found


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ("", {"source_pkgs", "branch", "relative_files"}),
        ('[tool.coverage.run]\nsource = ["demo_pkg"]\nbranch = false\n', {"relative_files"}),
        ('[tool.coverage.run]\nsource = ["src"]\n', {"source_pkgs", "branch", "relative_files"}),
        ('[tool.coverage.run]\ninclude = ["src/*"]\n', {"branch", "relative_files"}),
        (
            '[tool.coverage.run]\nsource_pkgs = ["demo_pkg"]\nbranch = 1\nrelative_files = true\n',
            set(),
        ),
    ],
)
def test_coverage_measures_the_installed_wheel(
    lacking: Lacking, more: str, wanted: set[str]
) -> None:
    prefix = "tool.coverage.run."
    assert {key.removeprefix(prefix) for key in lacking(more) if key.startswith(prefix)} == wanted


@pytest.mark.parametrize(
    ("files", "file", "text"),
    [
        ({".coveragerc": "[report]\nx = 1\n"}, ".coveragerc", f"[report]\nx = 1\n\n{COVERAGE}"),
        (
            {".coveragerc": f"[run]\n{MEASURED}[paths]\nsource =\n  src\n"},
            ".coveragerc",
            f"[run]\n{RELATIVE}{MEASURED}[paths]\nwheel =\n{MAPPED}source =\n  src\n",
        ),
        (
            {".coveragerc": f"[run] \t\n{MEASURED}[paths] # these\nsource =\n  src\n"},
            ".coveragerc",
            f"[run] \t\n{RELATIVE}{MEASURED}[paths] # these\nwheel =\n{MAPPED}source =\n  src\n",
        ),
        (
            {"tox.ini": f"[coverage:run]\n{MEASURED}"},
            "tox.ini",
            f"[coverage:run]\n{RELATIVE}{MEASURED}\n[coverage:paths]\nsource =\n{MAPPED}",
        ),
        (
            {"mypy.ini": "[mypy]\nstrict = true\n"},
            "mypy.ini",
            "[mypy]\nfiles = src/demo_pkg\nstrict = true\n",
        ),
        (
            {"mypy.ini": " [mypy]\n  strict = true\n"},
            "mypy.ini",
            " [mypy]\n  files = src/demo_pkg\n  strict = true\n",
        ),
        ({"mypy.ini": "[mypy]\nfiles = src\n"}, "mypy.ini", None),
    ],
)
def test_what_other_files_hide_from_pyproject_is_written_there(
    package: Path, lacking: Lacking, files: dict[str, str], file: str, text: str | None
) -> None:
    found = lacking("", **files)
    tool = "mypy" if file == "mypy.ini" else "coverage"
    assert not any(key.startswith(f"tool.{tool}") for key in found)
    changes = {each.path: each.after for each in ini_changes(read_adopter(ROOT, package))}
    assert changes == ({} if text is None else {file: text.encode()})
    if text:
        write(package, {file: text})
        assert list(ini_changes(read_adopter(ROOT, package))) == []


def test_mypy_s_section_of_setup_cfg_is_left_alone_where_pyproject_has_one(
    package: Path, lacking: Lacking
) -> None:
    lacking("[tool.mypy]\nstrict = true\n", **{"setup.cfg": "[mypy]\nstrict = true\n"})
    assert list(ini_changes(read_adopter(ROOT, package))) == []


def test_an_ini_file_keeps_its_line_ends(package: Path) -> None:
    mypy = package / "mypy.ini"
    mypy.write_bytes(b"[mypy]\r\nstrict = true\r\n")
    (change,) = ini_changes(read_adopter(ROOT, package))
    assert change.after == b"[mypy]\r\nfiles = src/demo_pkg\r\nstrict = true\r\n"


@pytest.mark.parametrize("flat", [True, False])
def test_a_single_module_is_measured_and_shipped(
    package: Path, lacking: Lacking, *, flat: bool
) -> None:
    parent = "" if flat else "src/"
    git(package, "mv", "src/demo_pkg/__init__.py", f"{parent}demo_pkg.py")
    git(package, "rm", "-rq", "src/demo_pkg")
    found = lacking("[tool.mypy]\n", backend="setuptools.build_meta")
    assert found["tool.mypy.files"] == [f"{parent}demo_pkg.py"]
    assert found["tool.coverage.paths.source"] == ["." if flat else "src", "**/site-packages"]
    assert found.get("tool.setuptools.py-modules") == (["demo_pkg"] if flat else None)


@pytest.mark.parametrize(
    ("entries", "key"),
    [
        (None, "source"),
        (["src", "*/site-packages"], None),
        (["src/demo_pkg", "*/site-packages/demo_pkg"], None),
        (["src", ".tox/x"], "wheel"),
        ([], "wheel"),
        (["tests", "*/site-packages"], "wheel"),
    ],
)
def test_coverage_reports_the_files_in_git(
    lacking: Lacking, entries: list[str] | None, key: str | None
) -> None:
    found = lacking("" if entries is None else f"[tool.coverage.paths]\nsource = {entries}\n")
    mapped = {k: v for k, v in found.items() if k.startswith("tool.coverage.paths.")}
    value = ["src/demo_pkg", "**/site-packages/demo_pkg"]
    assert mapped == ({f"tool.coverage.paths.{key}": value} if key else {})


def test_tools_that_are_set_up_are_left_alone(lacking: Lacking) -> None:
    found = lacking('[tool.ruff]\nline-length = 99\n[tool.mypy]\nfiles = ["src"]\n')
    assert not [key for key in found if key.startswith(("tool.ruff", "tool.mypy"))]
    found = lacking("", **{"ruff.toml": "", "mypy.ini": ""})
    assert not [key for key in found if key.startswith(("tool.ruff", "tool.mypy"))]


@pytest.mark.parametrize(
    ("more", "files", "typed"),
    [
        ("", {}, False),
        ('[project.optional-dependencies]\ndev = ["mypy >=1"]\n', {}, True),
        ('[tool.poetry.group.dev.dependencies]\nmypy = "^1"\n', {}, True),
        ("", {"tox.ini": "[testenv:types]\ncommands =\n  mypy src\n"}, True),
        ("", {".pre-commit-config.yaml": "repos:\n- hooks:\n  - id: mypy\n"}, True),
        ("", {"noxfile.py": "def types(session):\n    session.run('mypy')\n"}, True),
        ("", {"tox.ini": "[testenv]\nmypy = no\n"}, False),
    ],
)
def test_types_are_checked_where_the_package_does_so(
    lacking: Lacking, more: str, files: dict[str, str], *, typed: bool
) -> None:
    found = lacking(more, **files)
    assert found.get("tool.mypy.files") == (["src/demo_pkg"] if typed else None)
    assert found.get("tool.mypy.python_version") == ("3.8" if typed else None)
    assert found.get("tool.ci.typecheck") == (None if typed else False)


@pytest.mark.parametrize(
    ("more", "files", "told"),
    [
        ("", {}, "none"),
        ("[tool.black]\nline-length = 99\n", {}, None),
        ('[dependency-groups]\ndev = ["black"]\n', {}, None),
        ("", {".pre-commit-config.yaml": "repos:\n- hooks:\n  - id: black\n"}, None),
        ('[tool.ruff.format]\nquote-style = "single"\n', {}, "ruff"),
        ("", {".pre-commit-config.yaml": "- id: ruff-format\n"}, "ruff"),
        ("", {"ruff.toml": "[format]\n"}, "ruff"),
        ("[tool.ruff]\nline-length = 99\n", {}, "none"),
        ('keywords = ["blackboard", "black-jack"]\n', {}, "none"),
    ],
)
def test_no_formatter_is_imposed(
    lacking: Lacking, more: str, files: dict[str, str], told: str | None
) -> None:
    assert lacking(more, **files).get("tool.ci.format") == told


def test_rules_of_taste_are_for_packages_that_asked_for_ruff(lacking: Lacking) -> None:
    assert lacking("")["tool.ruff.lint.select"] == ["E9"]
    assert "tool.ruff.lint.select" not in lacking('[dependency-groups]\ndev = ["ruff"]\n')


def test_what_the_package_s_lint_group_lacks_is_what_its_lint_runs(lacking: Lacking) -> None:
    group = '[dependency-groups]\nlint = ["flake8"]\n'
    assert lacking(group)["dependency-groups.lint"] == ["flake8", "ruff>=0.17"]
    assert len(lacking(f"{group}[tool.black]\n")["dependency-groups.lint"]) == 3


@pytest.mark.parametrize(
    ("more", "names"),
    [
        (FAST, {"pytest"}),
        (
            f'{FAST}[tool.hatch.envs.test]\nfeatures = ["test", "fast"]\n',
            {"pytest", "six"},
        ),
    ],
)
def test_the_extras_that_hatch_installs_are_installed(
    lacking: Lacking, more: str, names: set[str]
) -> None:
    found = set(lacking(more).get("dependency-groups.test", []))
    assert found - {"pytest-cov>=4"} - ({"pytest"} - names) == names


HOOKS = """\
repos:
  - repo: https://github.com/psf/black
    rev: 24.4.2
    hooks:
      - id: black
  - repo: https://github.com/astral-sh/ruff-pre-commit
    rev: "v0.4.8"
    hooks:
      - id: ruff
"""


@pytest.mark.parametrize(
    ("text", "group"),
    [
        (HOOKS, ["black==24.4.2", "ruff==0.4.8"]),
        (HOOKS.replace("id: black", "id: x"), ["ruff==0.4.8"]),
        (HOOKS.replace("ruff-pre-commit", "x"), ["black==24.4.2", "ruff>=0.17"]),
        (HOOKS.replace("rev", "x"), None),
        ("", None),
    ],
)
def test_lint_runs_the_versions_that_pre_commit_runs(
    lacking: Lacking, text: str, group: object
) -> None:
    found = lacking("", **{".pre-commit-config.yaml": text})
    assert found.get("dependency-groups.lint") == group
    named = lacking('[dependency-groups]\nlint = ["black", "ruff"]\n')
    assert "dependency-groups.lint" not in named


@pytest.mark.parametrize(
    ("more", "group"),
    [
        ("", None),
        ('[project.optional-dependencies]\ndev = ["mypy>=1", "pytest"]\n', ["mypy"]),
        (
            '[project.optional-dependencies]\ndev = ["mypy", "types-six"]\n',
            ["types-six", "mypy"],
        ),
        (
            '[project.optional-dependencies]\ntyping = ["mypy>=1.9", "attrs"]\n',
            ["mypy>=1.9", "attrs"],
        ),
        (
            '[tool.poetry.group.typing.dependencies]\nmypy = ">=1.19"\ntypes-six = ">=1"\n',
            ["mypy>=1.19", "types-six>=1"],
        ),
        ('[project.optional-dependencies]\ntypes = ["types-six"]\n', None),
        ('[dependency-groups]\ntypecheck = ["mypy", "types-six"]\n', None),
    ],
)
def test_what_mypy_needs_beside_itself_is_taken_from_where_it_stands(
    lacking: Lacking, more: str, group: object
) -> None:
    assert lacking(more).get("dependency-groups.typecheck") == group


def test_data_of_tests_is_allowed_and_other_data_is_not(package: Path, lacking: Lacking) -> None:
    files = {
        "tests/a/x.csv": "",
        "tests/y.csv": "",
        "tests/z.npy": "",
        "tests/.env": "",
        "d.csv": "",
    }
    found = lacking("", backend="hatchling.build", **files)
    assert found["tool.ci.allow-names"] == ["tests/*.csv", "tests/*.npy"]
    assert "/tests/.env" in found["tool.hatch.build.targets.sdist.exclude"]
    noted = [note for note in notes(read_adopter(ROOT, package)) if "private" in note.code]
    assert [note.found.rpartition(": ")[2] for note in noted] == ["d.csv"]


def test_what_is_no_text_is_allowed_where_it_is_today(package: Path, lacking: Lacking) -> None:
    for name in ("docs/logo.png", "src/demo_pkg/icon.png", "tests/key.pem"):
        (package / name).parent.mkdir(exist_ok=True)
        (package / name).write_bytes(b"\x89\0")
    found = lacking("", backend="hatchling.build")
    assert found["tool.ci.allow-names"] == ["docs/*.png", "src/*.png"]
    assert "/tests/key.pem" in found["tool.hatch.build.targets.sdist.exclude"]


@pytest.mark.parametrize(
    ("requires", "files", "kept_out"),
    [
        ("setuptools", {}, False),
        ("setuptools-scm[toml]>=8", {}, True),
        ("setuptools_scm", {}, True),
        ("setuptools", {"MANIFEST.in": "include noxfile.py\n"}, True),
    ],
)
def test_setuptools_ships_nothing_of_the_pipeline(
    package: Path, requires: str, files: dict[str, str], *, kept_out: bool
) -> None:
    build = f'[build-system]\nrequires = ["{requires}"]\nbuild-backend = "setuptools.build_meta"\n'
    write(package, {"pyproject.toml": HEAD + build, **files})
    lines = manifest_lines(read_adopter(ROOT, package))
    wanted = ["exclude .python-version", "exclude buildspec.yml", "prune cdk", "prune ci"]
    assert lines == ([*wanted, "exclude noxfile.py"] if kept_out else [])


def test_a_wide_pattern_of_flit_does_not_find_the_pipeline(lacking: Lacking) -> None:
    where = "tool.flit.sdist.exclude"
    section = '[tool.flit.sdist]\ninclude = ["*/*test*.py"]\nexclude = ["ci"]\n'
    assert "noxfile.py" in lacking(section)[where]
    assert lacking(section)[where].count("ci") == 1
    assert where not in lacking('[tool.flit.sdist]\ninclude = ["docs/*.md"]\n')


def test_the_extras_that_tox_installs_are_installed(lacking: Lacking) -> None:
    found = lacking(FAST, **{"tox.ini": "[testenv]\nextras =\n  test\n  fast\n"})
    assert found["dependency-groups.test"] == ["pytest", "six", RUNNERS[1]]


@pytest.mark.parametrize(
    ("text", "group"),
    [
        ("pytest\nsix # why\n-r other.txt\n# comment\n", ["pytest", "six", RUNNERS[1]]),
        ("pytest==8\n    # via x\n", RUNNERS),
    ],
)
def test_a_file_of_requirements_is_read_unless_it_was_compiled(
    lacking: Lacking, text: str, group: list[str]
) -> None:
    found = lacking("", **{"requirements/tests.in": text})
    assert found["dependency-groups.test"] == group


@pytest.mark.parametrize(
    ("backend", "more", "made"),
    [
        (
            "hatchling.build",
            '[tool.hatch.build.hooks.vcs]\nversion-file = "src/demo_pkg/_version.py"\n',
            ["src/demo_pkg/_version.py"],
        ),
        (
            "setuptools.build_meta",
            '[tool.setuptools_scm]\nversion_file = "src/demo_pkg/_version.py"\n',
            ["src/demo_pkg/_version.py"],
        ),
        ("pdm.backend", '[tool.pdm.version]\nwrite_to = "demo_pkg/v.py"\n', ["demo_pkg/v.py"]),
        ("pdm.backend", '[tool.pdm.version]\nwrite_to = "README.md"\n', None),
    ],
)
def test_the_module_that_the_backend_writes_the_version_into_is_not_in_git(
    lacking: Lacking, backend: str, more: str, made: object
) -> None:
    assert lacking(more, backend=backend).get("tool.ci.not-in-git") == made


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("CHANGELOG.md", "## [1.2.0] - 2026-01-31\n", None),
        ("CHANGELOG.md", "## Unreleased\n", None),
        ("CHANGES.md", "## 1.2.0 (2026-01-31)\n", "CHANGES.md"),
        ("NEWS.rst", "1.2.0 (2026-01-31)\n------------------\n", "NEWS.rst"),
        ("docs/changelog.md", "## v1.2.0 - 2026-01-31\n", "docs/changelog.md"),
        ("CHANGELOG.md", "## 1.2.0 (January 31st)\n", False),
        ("HISTORY.rst", "1.2.0\n-----\n", False),
        ("NOTES.md", "## [1.2.0] - 2026-01-31\n", False),
    ],
)
def test_the_changelog_is_found_and_read_or_the_reason_is_noted(
    package: Path, lacking: Lacking, name: str, text: str, value: object
) -> None:
    git(package, "rm", "--quiet", "CHANGELOG.md")
    assert lacking("", **{name: text}).get("tool.ci.changelog") == value
    noted = {note.code for note in notes(read_adopter(ROOT, package))}
    assert ("adopt-changelog" in noted) == (value is False and name != "NOTES.md")


@pytest.mark.parametrize(
    ("backend", "more", "files", "value"),
    [
        ("hatchling.build", "", {"docs/a.md": "", "tox.ini": ""}, ["docs", "tox.ini"]),
        (
            "hatchling.build",
            '[tool.hatch.build.targets.sdist]\nexclude = ["/docs"]\n',
            {"docs/a.md": "", "tox.ini": ""},
            ["tox.ini"],
        ),
        (
            "hatchling.build",
            '[tool.hatch.build.targets.sdist]\ninclude = ["/src", "/docs"]\n',
            {"docs/a.md": "", "tox.ini": ""},
            ["docs"],
        ),
        ("flit_core.buildapi", "", {"docs/a.md": ""}, None),
        (
            "flit_core.buildapi",
            '[tool.flit.sdist]\ninclude = ["docs/"]\n',
            {"docs/a": ""},
            ["docs"],
        ),
        ("pdm.backend", '[tool.pdm.build]\nsource-includes = ["docs"]\n', {"docs/a": ""}, ["docs"]),
        (
            "poetry.core.masonry.api",
            '[tool.poetry]\ninclude = [{ path = "docs", format = "sdist" }, "*.ini"]\n',
            {"docs/a": "", "tox.ini": ""},
            ["docs", "tox.ini"],
        ),
        (
            "setuptools.build_meta",
            "",
            {"docs/a": "", "tox.ini": "", "x.y": "", "MANIFEST.in": "graft docs\ninclude tox.*\n"},
            ["docs", "tox.ini"],
        ),
        ("hatchling.build", '[tool.ci]\nsdist-include = ["docs"]\n', {"docs/a": ""}, None),
    ],
)
def test_what_the_sdist_holds_today_is_allowed(
    lacking: Lacking, backend: str, more: str, files: dict[str, str], value: object
) -> None:
    assert lacking(more, backend=backend, **files).get("tool.ci.sdist-include") == value


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"pytest.ini": "[pytest]\npythonpath = src tests\n"}, "adopt-pythonpath"),
        ({"tox.ini": "[pytest]\npythonpath = src\n"}, "adopt-pythonpath"),
        ({"src/demo_pkg/test_x.py": ""}, "adopt-tests-inside"),
        ({"src/demo_pkg/data.csv": ""}, "adopt-private-names"),
    ],
)
def test_what_a_maintainer_has_to_decide_is_noted(
    package: Path, lacking: Lacking, files: dict[str, str], code: str
) -> None:
    lacking('[dependency-groups]\ntest = ["pytest", "pytest-cov"]\n')
    assert notes(read_adopter(ROOT, package)) == []
    write(package, files)
    assert [note.code for note in notes(read_adopter(ROOT, package))] == [code]


def test_settings_that_do_no_harm_are_not_noted(package: Path, lacking: Lacking) -> None:
    lacking(
        '[dependency-groups]\ntest = ["pytest", "pytest-cov"]\n[tool.pytest.ini_options]\n'
        'pythonpath = ["tests"]\ntestpaths = "tests"\n',
        **{
            "mypy.ini": "[mypy]\nfiles = src\n",
            "tox.ini": "no section\n",
            "src/demo_pkg/test_x.py": "",
        },
    )
    assert notes(read_adopter(ROOT, package)) == []


def test_that_nothing_says_what_the_tests_need_is_noted_with_what_may(
    package: Path, lacking: Lacking
) -> None:
    lacking("", **{"requirements-dev.txt": ""})
    (note,) = notes(read_adopter(ROOT, package))
    assert note.code == "adopt-test-requirements"
    assert "requirements-dev.txt may tell" in note.found


def test_another_release_branch_is_noted(package: Path, lacking: Lacking) -> None:
    git(package, "branch", "--move", "master")
    assert lacking("")["tool.ci.release-branch"] == "master"
    assert "adopt-branch" in {note.code for note in notes(read_adopter(ROOT, package))}


# --- as TOML -------------------------------------------------------------------------------------

COMMENTED = """\
# the beginning
[project]
name = "x" # its name
classifiers = [
  # these first
  "One", # the one
]

[tool.black]
line-length = 99

# groups
[dependency-groups]
test = ["pytest"]
"""
EDITED = """\
# the beginning
[project]
name = "x" # its name
classifiers = [
  # these first
  "One", # the one
  "Two",
]

[tool.black]
line-length = 99
# to see
preview = true

# groups
[dependency-groups]
test = ["pytest", { include-group = "more" }]

[tool.ci]
# so it is
allow = [
  "a-name-0",
  "a-name-1",
  "a-name-2",
  "a-name-3",
  "a-name-4",
  "a-name-5",
  "a-name-6",
]
"""
NEEDS = [
    Need(("project",), "classifiers", ["One", "Two"], "why not"),
    Need(("dependency-groups",), "test", ["pytest", {"include-group": "more"}], "for tests"),
    Need(("tool", "black"), "preview", value=True, why="to see"),
    Need(("tool", "ci"), "allow", [f"a-name-{n}" for n in range(7)], "so it is"),
]


def test_comments_and_order_stay_when_keys_are_added() -> None:
    after = written(COMMENTED, NEEDS)
    assert after == EDITED
    assert written(COMMENTED.replace("\n", "\r\n"), NEEDS) == EDITED.replace("\n", "\r\n")


@pytest.mark.parametrize("rest", ["", "\n", "\n[[tool.x]]\na = 1\n", "\n\n# next\n[next]\n"])
def test_a_key_goes_to_its_own_table(rest: str) -> None:
    after = written(f"[tool.black]\n# last\nline-length = 99 # so{rest}", NEEDS[2:3])
    assert after == (
        "[tool.black]\n# last\nline-length = 99 # so\n# to see\npreview = true\n" + rest[1:]
    )


def test_a_key_goes_to_its_table_with_dots_where_the_others_have_them() -> None:
    text = '[tool.hatch]\nbuild.targets.sdist.include = ["a"]\nversion.source = "vcs"\n\n[x]\n'
    needs = [
        Need(("tool", "hatch", "build", "targets", "sdist"), "exclude", ["/ci"], "why"),
        Need(("tool", "hatch", "envs"), "a", 1, "new"),
    ]
    assert written(text, needs) == (
        '[tool.hatch]\nbuild.targets.sdist.include = ["a"]\nversion.source = "vcs"\n# why\n'
        'build.targets.sdist.exclude = ["/ci"]\n\n[x]\n\n[tool.hatch.envs]\n# new\na = 1\n'
    )


def test_a_switch_is_turned_where_it_is_and_a_list_of_lists_is_no_table() -> None:
    text = "[tool.x]\non = false # off\nrows = [\n[1],\n[2], # two\n]\n"
    turned = [Need(("tool", "x"), "on", value=True, why="now"), Need(("tool", "x"), "n", 1, "one")]
    assert written(text, turned) == text.replace("false", "true") + "# one\nn = 1\n"


def test_what_is_to_be_pasted_says_where_and_why() -> None:
    text = to_paste(tomllib.loads(COMMENTED), NEEDS)
    assert (
        "[project] # the table that is there\n# why not, in place of the shorter list there" in text
    )
    assert 'test = ["pytest", { include-group = "more" }]' in text
    assert tomllib.loads(text)["tool"]["black"] == {"preview": True}


def test_a_file_that_can_not_be_added_to_is_named() -> None:
    with pytest.raises(UserError) as raised:
        written("tool = { black = {} }\n", NEEDS[2:])
    assert raised.value.code == "adopt-unwritable-toml"
