"""Which repositories can have the pipeline, and what the others are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from ci.adopt.adopter import read_adopter
from ci.errors import UserError
from ci.tests.samples import git, write

ROOT = Path(__file__).parents[3]
NAME = '[project]\nname = "demo-pkg"\n'
STATIC = f'{NAME}version = "1.2.0"\n'
CLASSIFIED = f'{STATIC}classifiers = ["Programming Language :: Python :: 3.12"]\n'
BUILD = '[build-system]\nrequires = []\nbuild-backend = "{}"\n'


@pytest.mark.parametrize(
    ("backend", "name"),
    [
        ("hatchling.build", "hatchling"),
        ("setuptools.build_meta", "setuptools"),
        ("flit_core.buildapi", "flit"),
        ("poetry.core.masonry.api", "poetry-core"),
        ("pdm.backend", "pdm"),
    ],
)
@pytest.mark.parametrize("flat", [True, False])
def test_five_backends_and_two_layouts_are_known(
    package: Path, backend: str, name: str, *, flat: bool
) -> None:
    write(package, {"pyproject.toml": CLASSIFIED + BUILD.format(backend)})
    if flat:
        git(package, "mv", "src/demo_pkg", "demo_pkg")
        (package / "src").rmdir() if (package / "src").exists() else None
    adopter = read_adopter(ROOT, package)
    assert (adopter.backend, adopter.flat) == (name, flat)
    assert adopter.pythons == ()


@pytest.mark.parametrize(
    ("requires", "minors"),
    [
        ("", range(8, 13)),
        ('requires-python = ">=3.8"\n', range(8, 13)),
        ('requires-python = ">=3.10,<3.12"\n', range(10, 12)),
        ('requires-python = ">=3.10"\ndynamic = ["classifiers"]\n', range(10, 13)),
        ('requires-python = ">=3.14"\n', range(14, 15)),
    ],
)
def test_without_classifiers_the_pythons_follow_from_requires_python(
    package: Path, requires: str, minors: range
) -> None:
    write(package, {"pyproject.toml": STATIC + requires})
    assert read_adopter(ROOT, package).project.python_versions == tuple(f"3.{m}" for m in minors)


def test_without_a_branch_called_main_releases_come_from_master(package: Path) -> None:
    assert read_adopter(ROOT, package).release_branch == "main"
    git(package, "branch", "--move", "master")
    git(package, "checkout", "--quiet", "-b", "topic")
    assert read_adopter(ROOT, package).release_branch == "master"
    git(package, "branch", "--quiet", "-D", "master")
    assert read_adopter(ROOT, package).release_branch == "topic"


def test_without_main_and_master_releases_come_from_the_default_branch_of_origin(
    package: Path, tmp_path: Path
) -> None:
    git(package, "branch", "--move", "trunk")
    git(package, "branch", "fix/main")
    git(tmp_path, "clone", "--quiet", "package", "clone")
    for options in (["-b", "topic"], ["--detach"]):
        git(tmp_path / "clone", "checkout", "--quiet", *options)
        assert read_adopter(ROOT, tmp_path / "clone").release_branch == "trunk"


REFUSED = [
    ({"pyproject.toml": None}, "adopt-no-pyproject"),
    ({"pyproject.toml": None, "setup.py": ""}, "adopt-setup-py"),
    ({"pyproject.toml": "[tool.black]\n", "setup.cfg": ""}, "adopt-no-project"),
    ({"pyproject.toml": '[tool.poetry]\nname = "demo-pkg"\n'}, "poetry-metadata"),
    ({"pyproject.toml": CLASSIFIED + BUILD.format("mesonpy")}, "adopt-backend"),
    (
        {"pyproject.toml": CLASSIFIED + BUILD.format("flit_core.api") + 'backend-path = ["."]\n'},
        "adopt-backend",
    ),
    ({"pyproject.toml": f'{CLASSIFIED}requires-python = ">=3.6"\n'}, "adopt-old-python"),
    ({"pyproject.toml": CLASSIFIED.replace("3.12", "3.7")}, "adopt-old-python"),
    ({"pyproject.toml": f"{STATIC}requires-python = 'new'\n"}, "requires-python"),
    ({"pyproject.toml": f"{STATIC}requires-python = '>=3.99'\n"}, "no-python-classifiers"),
    ({"ci/tests/test_own.py": ""}, "adopt-ci-tests"),
    ({"src/demo_pkg/speed.pyx": ""}, "adopt-compiled"),
    ({"setup.py": "setup(ext_modules=[])"}, "adopt-compiled"),
    (
        {"pyproject.toml": f'{CLASSIFIED}[[tool.setuptools.ext-modules]]\nname = "x"\n'},
        "adopt-compiled",
    ),
    ({"pyproject.toml": f'{CLASSIFIED}[tool.poetry.build]\nscript = "b.py"\n'}, "adopt-compiled"),
    ({"pyproject.toml": f"{CLASSIFIED}[tool.hatch.build.hooks.mypyc]\n"}, "adopt-compiled"),
    (
        {"pyproject.toml": f"{CLASSIFIED}[tool.pdm.build]\nrun-setuptools = true\n"},
        "adopt-compiled",
    ),
]


@pytest.mark.parametrize(("files", "code"), REFUSED)
def test_each_thing_that_the_pipeline_can_not_work_with_is_named(
    package: Path, files: dict[str, str | None], code: str
) -> None:
    for name, text in files.items():
        if text is None:
            (package / name).unlink()
        else:
            write(package, {name: text})
    with pytest.raises(UserError) as raised:
        read_adopter(ROOT, package)
    assert raised.value.code == code


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("gone", "adopt-no-folder"),
        ("package/src", "adopt-subfolder"),
        (".", "adopt-no-repository"),
    ],
)
def test_only_the_top_folder_of_a_repository_will_do(
    package: Path, tmp_path: Path, path: str, code: str
) -> None:
    assert package.is_dir()
    with pytest.raises(UserError) as raised:
        read_adopter(ROOT, tmp_path / path)
    assert raised.value.code == code


def test_a_package_in_a_subfolder_is_told_where_its_repository_begins(package: Path) -> None:
    with pytest.raises(UserError) as raised:
        read_adopter(ROOT, package / "src")
    assert raised.value.found == f"{package / 'src'} is a subfolder of the git repository {package}"
    assert "a repository of its own" in raised.value.remedy


def test_a_linked_worktree_will_do(package: Path, tmp_path: Path) -> None:
    git(package, "worktree", "add", "--quiet", "--detach", "../linked")
    assert read_adopter(ROOT, tmp_path / "linked").release_branch == "main"


def test_a_bare_repository_is_no_package(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "bare.git")
    with pytest.raises(UserError) as raised:
        read_adopter(ROOT, tmp_path / "bare.git")
    assert raised.value.code == "adopt-no-repository"


def test_this_repository_itself_is_refused() -> None:
    with pytest.raises(UserError) as raised:
        read_adopter(ROOT, ROOT)
    assert raised.value.code == "adopt-home"
