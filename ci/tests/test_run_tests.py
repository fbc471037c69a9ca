"""The tests of the wheel: which options pytest gets, and which files a traceback names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ci.run_tests import coverage_file, import_mode, main, name_in_checkout, read_shard
from ci.tests.samples import write

if TYPE_CHECKING:
    from pathlib import Path

INSTALLED = ".nox/tests-3-12/lib/python3.12/site-packages/demo/a.py"


@pytest.mark.parametrize(
    ("checkout", "name"),
    [
        ({"src/demo/a.py": "x"}, "src/demo/a.py"),
        ({"demo/a.py": "x"}, "demo/a.py"),
        ({"src/demo/a.py": "x", "demo/a.py": "x"}, "src/demo/a.py"),
        ({"src/demo/a.py": "y"}, INSTALLED),
        ({"src/demo/b.py": "x"}, INSTALLED),
        ({}, INSTALLED),
    ],
)
def test_the_same_file_in_the_checkout_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checkout: dict[str, str], name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, {INSTALLED: "x", **checkout})
    assert name_in_checkout(INSTALLED) == name
    assert name_in_checkout(str(tmp_path / INSTALLED)) in {name, str(tmp_path / INSTALLED)}


def test_other_files_keep_their_names() -> None:
    assert name_in_checkout("tests/test_a.py") == "tests/test_a.py"


@pytest.mark.parametrize(
    ("environ", "shard"),
    [
        ({}, (0, 0)),
        ({"SHARD": "", "SHARDS": ""}, (0, 0)),
        ({"SHARD": "2/4"}, (2, 4)),
        ({"SHARDS": "4"}, (0, 4)),
    ],
)
def test_a_shard_is_a_part_of_all_parts(environ: dict[str, str], shard: tuple[int, int]) -> None:
    assert read_shard(environ) == shard


@pytest.mark.parametrize("shard", ["2", "x/4", "2/x", "2/", "/x", "5/4", "-1/4", "2/4/8", "2/4\n"])
def test_an_invalid_shard_stops_everything(shard: str) -> None:
    with pytest.raises(SystemExit, match=r"error\[shard\]: SHARD is"):
        read_shard({"SHARD": shard})


def test_each_shard_keeps_its_own_coverage_data() -> None:
    assert coverage_file("tests-3.8", 0, 0) == "reports/.coverage.tests-3.8"
    assert coverage_file("tests-3.8", 2, 4) == "reports/.coverage.tests-3.8-2of4"


@pytest.mark.parametrize(
    ("file", "text", "options"),
    [
        ("pyproject.toml", 'addopts = ["-ra"]', ["--import-mode=append"]),
        ("pyproject.toml", 'addopts = ["--import-mode=importlib"]', []),
        ("pytest.ini", "addopts = --import-mode importlib", []),
        ("setup.cfg", "addopts = --import-mode=prepend", ["--import-mode=append"]),
    ],
)
def test_the_checkout_never_hides_the_installed_package(
    tmp_path: Path, file: str, text: str, options: list[str]
) -> None:
    write(tmp_path, {file: text})
    assert import_mode(tmp_path) == options


@pytest.mark.parametrize("code", [0, 1, 5])
def test_that_there_are_no_tests_is_said_in_two_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], code: int
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COVERAGE_FILE", "")
    monkeypatch.setattr(pytest, "main", lambda *_, **__: pytest.ExitCode(code))
    assert main("tests-3.8") == code
    said = capfd.readouterr().err
    assert ("error[no-tests]: pytest found no test\nhelp: " in said) == (code == 5)
