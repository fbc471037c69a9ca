"""What the distributions hold today, and what of it may stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ci.adopt.adopter import read_adopter
from ci.adopt.notes import notes
from ci.adopt.shipped import manifest_lines
from ci.tests.adopt.conftest import HEAD, ROOT
from ci.tests.samples import write

if TYPE_CHECKING:
    from pathlib import Path

    from ci.tests.adopt.conftest import Lacking


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
