"""What is written into other files than pyproject.toml, where those hide its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ci.adopt.adopter import read_adopter
from ci.adopt.inis import ini_changes
from ci.tests.adopt.conftest import ROOT
from ci.tests.samples import write

if TYPE_CHECKING:
    from pathlib import Path

    from ci.tests.adopt.conftest import Lacking

RELATIVE = "relative_files = true\n"
MEASURED = "source = demo_pkg\nbranch = 1\n"
MAPPED = "    src/demo_pkg\n    **/site-packages/demo_pkg\n"
OMITTED = "omit =\n    src/demo_pkg/a.py\n"
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
            {".coveragerc": f"[run]\n{OMITTED}    */b.py\n{COVERAGE[6:]}"},
            ".coveragerc",
            f"[run]\n{OMITTED}    */b.py\n{COVERAGE[6:]}\n[report]\n{OMITTED}",
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
