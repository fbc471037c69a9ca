"""What a package lacks, from what it has: for its backend and the tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ci.tests.samples import git

if TYPE_CHECKING:
    from pathlib import Path

    from ci.tests.adopt.conftest import Lacking


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


def test_each_package_is_shipped_and_measured_and_its_types_are_checked(
    package: Path, lacking: Lacking
) -> None:
    git(package, "mv", "src/demo_pkg", "demo_pkg")
    mypy = '[tool.mypy]\nstrict = true\n[tool.coverage.run]\nsource_pkgs = ["tests"]\n'
    found = lacking(mypy, backend="pdm.backend", **{"more/__init__.py": ""})
    assert found["tool.pdm.build.includes"] == ["demo_pkg", "more"]
    assert found["tool.mypy.files"] == ["demo_pkg", "more"]
    assert found["tool.coverage.run.source_pkgs"] == ["tests", "demo_pkg", "more"]
    assert found["tool.coverage.paths.source"] == [".", "**/site-packages"]


def test_what_coverage_includes_by_its_place_in_git_is_included_in_the_wheel(
    lacking: Lacking,
) -> None:
    found = lacking('[tool.coverage.run]\ninclude = ["src/*"]\n')
    assert found["tool.coverage.run.include"] == ["src/*", "*/site-packages/demo_pkg/*"]


def test_what_coverage_omits_by_its_place_in_git_is_omitted_from_the_report(
    lacking: Lacking,
) -> None:
    run = '[tool.coverage.run]\nomit = ["src/demo_pkg/__about__.py", "*/x.py"]\n'
    assert lacking(run)["tool.coverage.report.omit"] == ["src/demo_pkg/__about__.py"]
    assert "tool.coverage.report.omit" not in lacking(run.replace("src/", "*/"))
    assert "tool.coverage.report.omit" not in lacking(f"{run}[tool.coverage.report]\nomit = []\n")
    ini = {".coveragerc": "[run]\nomit =\n    src/demo_pkg/a.py\n"}
    assert "tool.coverage.report.omit" not in lacking("", **ini)


def test_each_package_in_src_is_mapped(lacking: Lacking) -> None:
    one = '[tool.coverage.paths]\none = ["src/demo_pkg", "*/site-packages/demo_pkg"]\n'
    both = '[tool.coverage.paths]\nboth = ["src", "*/site-packages"]\n'
    files = {"src/more/__init__.py": ""}
    found = lacking(one, backend="setuptools.build_meta", **files)
    assert found["tool.coverage.paths.source"] == ["src", "**/site-packages"]
    found = lacking(both, backend="setuptools.build_meta", **files)
    assert "tool.coverage.paths.source" not in found


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
        ('[tool.coverage.run]\ninclude = ["*/demo_pkg/*"]\n', {"branch", "relative_files"}),
        ('[tool.coverage.run]\ninclude = ["src/*"]\n', {"include", "branch", "relative_files"}),
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
