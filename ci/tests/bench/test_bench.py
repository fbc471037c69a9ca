"""What is measured is the same work, on a package of the size that was asked for."""

from __future__ import annotations

import configparser
import io
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ci.checkout.git import git
from ci.errors import UserError
from ci.package.project import read_project
from ci.tests.bench import __main__ as bench
from ci.tests.bench import sample as samples
from ci.tests.bench.contenders import CONTENDERS, USUAL, tox_ini
from ci.tests.bench.growth import Dimension, measure_growth
from ci.tests.bench.sample import Sample, copy_package, make_sample

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[3]


@pytest.fixture
def without_pipeline(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Samples get no pipeline, which takes seconds; the folders that would have got it."""
    given: list[Path] = []

    def put(root: Path, pythons: Sequence[str] = ()) -> None:
        given.append(root)
        assert pythons is not None

    monkeypatch.setattr(samples, "put_pipeline", put)
    return given


@pytest.mark.usefixtures("without_pipeline")
def test_a_sample_has_the_size_that_was_asked_for(tmp_path: Path) -> None:
    size = Sample(modules=3, tests=4, seconds=2, pythons=("3.9", "3.10", "3.12"), megabytes=2)
    root = make_sample(tmp_path / "sample", size)
    assert read_project(root).python_versions == size.pythons
    assert len(list(root.glob("src/sample/module_*.py"))) == 3
    assert sum(path.stat().st_size for path in root.glob("src/sample/*.bin")) == 2 * 2**20
    tests = (root / "tests/test_sample.py").read_text(encoding="utf-8")
    assert "range(4)" in tests
    assert "time.sleep(0.5)" in tests
    assert git(root, "status", "--porcelain") == ""


@pytest.mark.usefixtures("without_pipeline")
def test_a_samples_code_works_and_its_test_would_notice_if_it_did_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_sample(tmp_path / "sample", Sample(modules=2, tests=1, seconds=0))
    monkeypatch.syspath_prepend(str(root / "src"))
    code = compile((root / "tests/test_sample.py").read_text(encoding="utf-8"), "sample", "exec")
    namespace: dict[str, Any] = {}
    exec(code, namespace)  # noqa: S102 - made here
    namespace["test_every_function"](1)
    other = root / "src/sample/module_0.py"
    other.write_text(other.read_text(encoding="utf-8").replace("value = 0", "value = 9"))
    with pytest.raises(AssertionError):
        namespace["test_every_function"](0)


def test_a_package_gets_the_pipeline_unless_it_has_it(
    tmp_path: Path, without_pipeline: list[Path]
) -> None:
    package = make_sample(tmp_path / "sample", Sample(modules=1, tests=1))
    without_pipeline.clear()
    assert copy_package(package, tmp_path / "copy") in without_pipeline
    (package / "ci").mkdir()
    (package / "ci/run.py").touch()
    samples.commit(package)
    assert copy_package(package, tmp_path / "another") not in without_pipeline


def test_tox_is_given_the_same_tools_on_the_same_files() -> None:
    config = configparser.ConfigParser(interpolation=None)
    config.read_file(io.StringIO(tox_ini(read_project(ROOT), home=True)))
    assert config["tox"]["env_list"] == "lint, typecheck, py38, py312, coverage"
    assert "black --check ." in config["testenv:lint"]["commands"]
    assert config["testenv:coverage"]["depends"] == "py38, py312"
    run_tests = (ROOT / "ci/run_tests.py").read_text(encoding="utf-8")
    for option in ("--import-mode=append", "--cov-report=", "--cov-fail-under=0"):
        assert option in run_tests
        assert option in config["testenv"]["commands"]


def test_what_is_copied_is_not_linted_there() -> None:
    text = tox_ini(read_project(ROOT), home=False)
    for option, excluded in (
        ("--force-exclude", "^/(ci/|cdk/|noxfile.py$)"),
        ("--extend-exclude", "./ci,./cdk,./noxfile.py"),
    ):
        assert f'{option} "{excluded}"' in text


def test_tox_does_not_do_what_a_package_goes_without() -> None:
    project = read_project(ROOT)
    settings = replace(project.settings, typecheck=False, format="none")
    config = configparser.ConfigParser(interpolation=None)
    config.read_file(io.StringIO(tox_ini(replace(project, settings=settings), home=False)))
    assert config["tox"]["env_list"] == "lint, py38, py312, coverage"
    assert "black" not in config["testenv:lint"]["commands"]
    ruff = tox_ini(replace(project, settings=replace(settings, format="ruff")), home=False)
    assert "ruff format --check" in ruff


def test_only_a_cold_run_has_nothing_of_an_earlier_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path / "bytecode"))
    package = tmp_path / "package"
    environments = package / ".nox"
    of_it, of_another = (
        tmp_path / "bytecode" / folder.relative_to("/") for folder in (package, tmp_path / "nox")
    )
    for folder in (environments, of_it, of_another):
        folder.mkdir(parents=True)
    by_name = {each.name: each for each in CONTENDERS}
    for name in ("pr-renewed", "pr-warm"):
        by_name[name].prepare(package)
    assert environments.is_dir()
    assert of_it.is_dir()
    by_name["pr"].prepare(package)
    assert not environments.exists()
    assert not of_it.exists()
    assert of_another.is_dir()


def test_a_rehearsal_is_only_measured_when_it_is_named() -> None:
    assert "rehearse" not in USUAL
    assert {each.against for each in CONTENDERS} <= {None, *USUAL}


@pytest.mark.parametrize("repeat", ["0", "-1"])
def test_nothing_is_measured_less_than_once(repeat: str) -> None:
    with pytest.raises(UserError, match="give at least 1"):
        bench.main(["--repeat", repeat])


@pytest.mark.usefixtures("without_pipeline")
def test_growth_times_each_size_of_each_dimension(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/true")
    grown = measure_growth(
        [Dimension("tests", (1, 5), lambda n: Sample(modules=1, tests=n), ("tests",))],
        repeat=3,
        limit=60,
        say=print,
    )
    assert [(each.size, each.sessions) for each in grown] == [
        (1, "nox -R -s tests"),
        (5, "nox -R -s tests"),
    ]


@pytest.mark.slow
def test_the_bench_measures_a_sample_and_writes_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "performance.md"
    page.write_text("<!-- bench package: begin -->\n<!-- bench package: end -->\n")
    monkeypatch.setattr(bench, "PAGE", page)
    size = ["--modules", "1", "--tests", "2", "--seconds", "0.2", "--repeat", "1"]
    bench.main([*size, "--limit", "300", "--runs", "pr", "tox", "--write", "package"])
    assert "preparing a sample of 1 modules" in capsys.readouterr().out
    written = page.read_text(encoding="utf-8")
    assert "| `tox run-parallel --parallel auto`, cold |" in written
    assert "| tests-3.8 |" in written
    assert "<svg" in (tmp_path / "performance-package.svg").read_text(encoding="utf-8")
