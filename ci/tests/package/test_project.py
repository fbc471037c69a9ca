"""pyproject.toml, read as each build backend and layout has it, and each way it can be wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ci.errors import UserError
from ci.package.project import NEWEST_PYTHON, Settings, read_project

if TYPE_CHECKING:
    from collections.abc import Callable

CLASSIFIERS = """classifiers = [
  "Programming Language :: Python :: 3",
  "Programming Language :: Python :: 3.12",
  "Programming Language :: Python :: 3.8",
  "Programming Language :: Python :: 3.10",
  "Programming Language :: Python :: 3 :: Only",
]"""
HEAD = f'[project]\nname = "Sample.Pkg-one"\n{CLASSIFIERS}\n'
STATIC = f'{HEAD}version = "1.2.0"\n'
DYNAMIC = f'{HEAD}dynamic = ["version"]\n'
HATCH = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'


@pytest.fixture
def package(tmp_path: Path) -> Callable[..., Path]:
    """Writes a package: its pyproject.toml, and files by path."""

    def write(pyproject: str, **files: str) -> Path:
        (tmp_path / "pyproject.toml").write_text(pyproject, encoding="utf-8")
        for name, text in ({"src/sample_pkg_one/__init__.py": ""} | files).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path

    return write


def test_names_versions_and_requirements_are_read(package: Callable[..., Path]) -> None:
    root = package(
        f'{STATIC}requires-python = ">=3.8"\ndependencies = ["numpy>=1.20; python_version<\'4\'"]\n'
        f'[dependency-groups]\ntest = ["pytest"]\n{HATCH}'
    )
    project = read_project(root)
    assert project.name == "Sample.Pkg-one"
    assert project.normalized_name == "sample-pkg-one"
    assert project.import_name == "sample_pkg_one"
    assert project.package_dir == Path("src/sample_pkg_one")
    assert project.python_versions == ("3.8", "3.10", "3.12")
    assert "3.8" in project.requires_python
    assert "3.7" not in project.requires_python
    assert [requirement.name for requirement in project.dependencies] == ["numpy"]
    assert project.groups == {"test": ["pytest"]}
    assert project.build_backend == "hatchling.build"
    assert project.backend_requires == ("hatchling",)
    assert project.settings == Settings()


def test_without_a_build_system_setuptools_builds(package: Callable[..., Path]) -> None:
    project = read_project(package(STATIC))
    assert project.backend_requires == ("setuptools",)


def test_the_settings_of_the_pipeline_are_read(package: Callable[..., Path]) -> None:
    root = package(
        f'{STATIC}[tool.ci]\nrelease-branch = "trunk"\nchangelog = false\n'
        'sdist-include = ["data"]\nallow-names = ["*.csv"]\nallow-secrets-in = ["tests/*"]\n'
        'not-in-git = ["_version.py"]\nwheel-exclude = ["*.txt"]\nmax-size = 1000\n'
        'pythons = ["3.13", "3.9"]\nformat = "none"\ntypecheck = false\n'
    )
    assert read_project(root).settings == Settings(
        release_branch="trunk",
        changelog=None,
        sdist_include=("data",),
        allow_names=("*.csv",),
        allow_secrets_in=("tests/*",),
        not_in_git=("_version.py",),
        wheel_exclude=("*.txt",),
        max_size=1000,
        pythons=("3.9", "3.13"),
        format="none",
        typecheck=False,
    )


@pytest.mark.parametrize(
    "told",
    [
        '[tool.hatch.version]\nsource = "vcs"\n',
        "[tool.setuptools_scm]\n",
        '[tool.pdm.version]\nsource = "scm"\n',
        "[tool.poetry-dynamic-versioning]\nenable = true\n",
    ],
)
def test_where_a_dynamic_version_comes_from_is_the_backends_business(
    package: Callable[..., Path], told: str
) -> None:
    assert read_project(package(DYNAMIC + told)).import_name == "sample_pkg_one"


def test_a_flat_layout_is_found(tmp_path: Path) -> None:
    (tmp_path / "sample_pkg_one").mkdir()
    (tmp_path / "pyproject.toml").write_text(STATIC, encoding="utf-8")
    assert read_project(tmp_path).package_dir == Path("sample_pkg_one")


def test_a_single_package_of_another_name_in_src_is_found(tmp_path: Path) -> None:
    (tmp_path / "src/other").mkdir(parents=True)
    (tmp_path / "src/other/__init__.py").touch()
    (tmp_path / "pyproject.toml").write_text(STATIC, encoding="utf-8")
    assert read_project(tmp_path).import_name == "other"


def test_a_module_that_flit_is_told_of_is_found(package: Callable[..., Path]) -> None:
    root = package(
        f'{STATIC}[tool.flit.module]\nname = "odd"\n', **{"odd/__init__.py": "", "sample/x.py": ""}
    )
    assert read_project(root).import_name == "odd"


@pytest.mark.parametrize(
    ("told", "file", "import_name"),
    [
        ("[tool.hatch.build.targets.wheel]\npackages = ['lib/odd']\n", "lib/odd/a.py", "odd"),
        ("[tool.hatch.build.targets.wheel]\npackages = ['src/odd']\n", "src/odd/a.py", "odd"),
        ("[[tool.poetry.packages]]\ninclude = 'odd'\nfrom = 'src'\n", "src/odd/a.py", "odd"),
        (
            "[tool.poetry]\npackages = [{include='tests',format='sdist'},{include='odd'}]\n",
            "odd/a.py",
            "odd",
        ),
        ("[tool.setuptools]\npackages = ['odd', 'odd.sub']\n", "odd/a.py", "odd"),
        (
            "[tool.setuptools]\npackages = ['odd']\npackage-dir = {'' = 'lib'}\n",
            "lib/odd/a.py",
            "odd",
        ),
        ("[tool.setuptools.packages.find]\nwhere = ['lib']\n", "lib/odd/__init__.py", "odd"),
        ("[tool.pdm.build]\npackage-dir = 'lib'\n", "lib/odd/__init__.py", "odd"),
        ("[tool.uv.build-backend]\nmodule-name = 'odd'\n", "src/odd/a.py", "odd"),
        ("[tool.uv.build-backend]\nmodule-name = ['odd', 'more']\n", "src/odd/a.py", "odd"),
        (
            "[tool.uv.build-backend]\nmodule-name = 'space.odd'\nmodule-root = ''\n",
            "space/odd/a.py",
            "space.odd",
        ),
        ("[tool.uv.build-backend]\nmodule-root = 'lib'\n", "lib/sample_pkg_one/a.py", None),
        ("[tool.hatch.build]\npackages = ['lib/odd']\n", "lib/odd/a.py", "odd"),
        ("[tool.hatch.build.targets.wheel]\nonly-include = ['/lib/odd']\n", "lib/odd/a.py", "odd"),
        ("", "odd/__init__.py", "odd"),
    ],
)
def test_a_package_that_is_not_named_as_the_project_is_found(
    tmp_path: Path, told: str, file: str, import_name: str | None
) -> None:
    for name in ("pyproject.toml", "tests/__init__.py", "docs/__init__.py", file):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(STATIC + told if name == "pyproject.toml" else "")
    project = read_project(tmp_path)
    wanted = import_name or "sample_pkg_one"
    assert (project.import_name, project.package_dir) == (wanted, Path(file).parent)


@pytest.mark.parametrize(
    ("told", "folder"),
    [
        ("[tool.hatch.build.targets.wheel]\npackages = ['src']\n", "src/odd"),
        ("[tool.hatch.build.targets.wheel]\nonly-include=['src']\nsources=['src']\n", "src/odd"),
        ("[tool.hatch.build.targets.wheel]\nonly-include=['lib']\nsources=['lib']\n", "lib/odd"),
        ("[tool.hatch.build]\npackages = ['lib']\nsources = ['lib']\n", "lib/odd"),
        ("[tool.hatch.build.targets.wheel]\npackages = ['.']\n", "odd"),
        ("[tool.hatch.build.targets.wheel]\ninclude = ['/']\n", "odd"),
        ("[[tool.poetry.packages]]\nfrom = 'src'\n", "src/odd"),
        ("[[tool.poetry.packages]]\nfrom = 'lib'\n", "odd"),
        ("[tool.flit.module]\nname = ''\n", "odd"),
    ],
)
def test_a_folder_of_packages_is_no_package(tmp_path: Path, told: str, folder: str) -> None:
    for name in ("lib", folder):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / folder / "__init__.py").touch()
    (tmp_path / "pyproject.toml").write_text(STATIC + told, encoding="utf-8")
    project = read_project(tmp_path)
    assert (project.import_name, project.package_dir) == ("odd", Path(folder))


@pytest.mark.parametrize(
    "told",
    [
        "[tool.poetry]\npackages = 3\n",
        "[tool.poetry]\npackages = [{include=3}, {include='odd', from=3}, {format=3}, 3]\n",
        "[tool.setuptools]\npackages = [3]\npy-modules = 3\npackage-dir = 3\n",
        "[tool.setuptools]\npackages.find.where = 3\npackage-dir = {'' = 3}\n",
        "[tool.hatch.build.targets.wheel]\npackages = [3]\nsources = {src = ''}\n",
        "[tool.flit.module]\nname = 3\n",
        "[tool]\nuv.build-backend = 3\npdm.build = 3\nhatch = 3\n",
    ],
)
def test_what_is_no_name_of_a_package_is_passed_over(
    package: Callable[..., Path], told: str
) -> None:
    assert read_project(package(STATIC + told)).import_name == "sample_pkg_one"


@pytest.mark.parametrize(
    ("told", "file", "import_name"),
    [
        ("", "sample_pkg_one.py", "sample_pkg_one"),
        ("", "src/sample_pkg_one.py", "sample_pkg_one"),
        ("[tool.setuptools]\npy-modules = ['odd']\n", "odd.py", "odd"),
        ("[tool.flit.module]\nname = 'odd'\n", "src/odd.py", "odd"),
        ("[tool.hatch.build.targets.wheel]\nonly-include = ['odd.py']\n", "odd.py", "odd"),
        ("[[tool.poetry.packages]]\ninclude = 'odd.py'\nfrom = 'src'\n", "src/odd.py", "odd"),
    ],
)
def test_a_package_that_is_a_single_module_is_found(
    tmp_path: Path, told: str, file: str, import_name: str
) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).touch()
    (tmp_path / "pyproject.toml").write_text(STATIC + told, encoding="utf-8")
    project = read_project(tmp_path)
    assert (project.import_name, project.package_dir) == (import_name, Path(file))
    assert project.is_module


@pytest.mark.parametrize(
    ("told", "folder", "import_name"),
    [
        ("", "src/sample/pkg/one", "sample.pkg.one"),
        ("", "sample/pkg/one", "sample.pkg.one"),
        ("", "src/space/odd", "space.odd"),
        ("", "src/outer/inner/odd", "outer.inner.odd"),
        ("[tool.setuptools]\npackages = ['space.odd']\n", "src/space/odd", "space.odd"),
    ],
)
def test_a_package_in_a_namespace_is_found(
    tmp_path: Path, told: str, folder: str, import_name: str
) -> None:
    (tmp_path / folder).mkdir(parents=True)
    (tmp_path / folder / "__init__.py").touch()
    (tmp_path / "pyproject.toml").write_text(STATIC + told, encoding="utf-8")
    project = read_project(tmp_path)
    assert (project.import_name, project.package_dir) == (import_name, Path(folder))
    assert not project.is_module


PDM = '[build-system]\nbuild-backend = "pdm.backend"\n'


@pytest.mark.parametrize(
    ("told", "files", "packages"),
    [
        (
            "[tool.hatch.build.targets.wheel]\npackages = ['src/more', 'src/sample_pkg_one']\n",
            ["src/more/__init__.py", "src/sample_pkg_one/__init__.py", "src/odd/__init__.py"],
            {"sample_pkg_one": "src/sample_pkg_one", "more": "src/more"},
        ),
        (
            "[tool.setuptools]\npackages = ['odd', 'odd.sub', 'more']\n",
            ["odd/sub/__init__.py", "odd/__init__.py", "more/__init__.py", "tests/__init__.py"],
            {"odd": "odd", "more": "more"},
        ),
        (
            "[tool.setuptools]\npy-modules = ['odd', '_more']\n",
            ["odd.py", "_more.py", "setup.py"],
            {"odd": "odd.py", "_more": "_more.py"},
        ),
        (
            "[tool.hatch.build.targets.wheel]\ninclude = ['odd', 'data', 'lib/more']\n",
            ["odd/__init__.py", "data/x.json", "lib/more/__init__.py"],
            {"odd": "odd"},
        ),
        (
            "[tool.setuptools.packages.find]\nwhere = ['src']\n",
            ["src/sample_pkg_one/__init__.py", "src/more/__init__.py", "src/tests/__init__.py"],
            {"sample_pkg_one": "src/sample_pkg_one", "more": "src/more"},
        ),
        (
            "[tool.setuptools.packages.find]\nwhere = ['src']\nexclude = ['more*']\n",
            ["src/sample_pkg_one/__init__.py", "src/more/__init__.py"],
            {"sample_pkg_one": "src/sample_pkg_one"},
        ),
        (
            HATCH,
            ["src/sample_pkg_one/__init__.py", "src/more/__init__.py"],
            {"sample_pkg_one": "src/sample_pkg_one"},
        ),
        (
            PDM,
            ["sample_pkg_one/__init__.py", "more/__init__.py", "docs/__init__.py"],
            {"sample_pkg_one": "sample_pkg_one", "more": "more"},
        ),
        (
            "",
            ["sample_pkg_one/__init__.py", "more/__init__.py"],
            {"sample_pkg_one": "sample_pkg_one"},
        ),
        (
            "",
            ["src/space/one/__init__.py", "src/space/two/__init__.py"],
            {"space.one": "src/space/one", "space.two": "src/space/two"},
        ),
    ],
)
def test_all_packages_that_are_shipped_are_found(
    tmp_path: Path, told: str, files: list[str], packages: dict[str, str]
) -> None:
    for name in ("pyproject.toml", *files):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(STATIC + told if name == "pyproject.toml" else "")
    found = read_project(tmp_path).packages
    assert {name: path.as_posix() for name, path in found.items()} == packages
    assert next(iter(found)) == next(iter(packages))


@pytest.mark.parametrize("name", ["sample_pkg_one", "other"])
def test_of_several_packages_only_one_of_the_projects_name_is_taken(
    tmp_path: Path, name: str
) -> None:
    for package in (name, "another"):
        (tmp_path / "src" / package).mkdir(parents=True)
        (tmp_path / "src" / package / "__init__.py").touch()
    (tmp_path / "pyproject.toml").write_text(STATIC, encoding="utf-8")
    if name == "other":
        with pytest.raises(UserError, match="only src/another, src/other") as raised:
            read_project(tmp_path)
        assert raised.value.code == "no-package"
    else:
        assert read_project(tmp_path).import_name == name


_CLASSIFIERS = """classifiers = [
  "Programming Language :: Python :: 3.14",
  "Programming Language :: Python :: 3.{}",
  "Programming Language :: Python :: Free Threading :: 2 - Beta",
]
"""


def test_a_python_that_is_not_out_is_tested_only_where_it_is_named(
    package: Callable[..., Path],
) -> None:
    head = '[project]\nname = "sample_pkg_one"\nversion = "1"\n'
    out = head + _CLASSIFIERS.format(NEWEST_PYTHON)
    assert read_project(package(out)).python_versions == ("3.14", f"3.{NEWEST_PYTHON}")
    coming = head + _CLASSIFIERS.format(NEWEST_PYTHON + 1)
    assert read_project(package(coming)).python_versions == ("3.14",)
    named = f'{coming}[tool.ci]\npythons = ["3.{NEWEST_PYTHON + 1}", "3.9"]\n'
    assert read_project(package(named)).python_versions == ("3.9", f"3.{NEWEST_PYTHON + 1}")
    alone = coming.replace("3.14", f"3.{NEWEST_PYTHON + 2}")
    assert len(read_project(package(alone)).python_versions) == 2


def test_pythons_that_are_named_need_no_classifier(package: Callable[..., Path]) -> None:
    root = package(
        '[project]\nname = "sample_pkg_one"\nversion = "1"\n[tool.ci]\npythons = ["3.10"]\n'
    )
    assert read_project(root).python_versions == ("3.10",)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("allow", "allow-names"),
        ("allow-contents", "allow-secrets-in"),
        ("generated", "not-in-git"),
    ],
)
def test_an_old_name_of_a_setting_is_told_its_new_one(
    package: Callable[..., Path], old: str, new: str
) -> None:
    with pytest.raises(UserError, match=f"has '{old}', an old name of '{new}'") as raised:
        read_project(package(f'{STATIC}[tool.ci]\n{old} = ["a"]\n'))
    assert raised.value.code == "renamed-setting"
    assert raised.value.remedy.startswith(f"rename it to {new}")


BAD = [
    ("", "project-name"),
    ("[project\n", "pyproject-syntax"),
    ("[project]\nname = 'a b'\n", "project-name"),
    ('[tool.poetry]\nname = "x"\n', "poetry-metadata"),
    ("project = 3\n", "pyproject-type"),
    (HEAD, "no-version"),
    (f'{HEAD}dynamic = ["readme"]\n', "no-version"),
    ('[project]\nname = "sample_pkg_one"\nversion = "1"\n', "no-python-classifiers"),
    (f'{STATIC}requires-python = "3.8 or so"\n', "requires-python"),
    (f"{STATIC}requires-python = 3\n", "requires-python"),
    (f'{STATIC}dependencies = ["a b"]\n', "dependency-syntax"),
    (f'{STATIC}dependencies = "a"\n', "pyproject-type"),
    (f'{STATIC}[dependency-groups]\ntest = "pytest"\n', "pyproject-type"),
    (f"{STATIC}[tool.ci]\nchangelogg = false\n", "unknown-setting"),
    (f"{STATIC}[tool.ci]\nchangelog = true\n", "setting-type"),
    (f'{STATIC}[tool.ci]\nrelease-branch = ""\n', "setting-type"),
    (f"{STATIC}[tool.ci]\nmax-size = true\n", "setting-type"),
    (f"{STATIC}[tool.ci]\nallow-names = [1]\n", "setting-type"),
    (f"{STATIC}[tool.ci]\nallow-names = 'a'\n", "setting-type"),
    (f"{STATIC}[tool.ci]\naudit-exceptions = 'a'\n", "setting-type"),
    (f"{STATIC}[tool.ci]\npythons = ['3.13t']\n", "setting-type"),
    (f"{STATIC}[tool.ci]\npythons = ['3']\n", "setting-type"),
    (f"{STATIC}[tool.ci]\nformat = 'yapf'\n", "setting-type"),
    (f"{STATIC}[tool.ci]\nformat = true\n", "setting-type"),
    (f"{STATIC}[tool.ci]\ntypecheck = 'no'\n", "setting-type"),
]


@pytest.mark.parametrize(("pyproject", "code"), BAD, ids=lambda value: str(value)[-40:])
def test_each_way_the_file_can_be_wrong_is_named(
    package: Callable[..., Path], pyproject: str, code: str
) -> None:
    with pytest.raises(UserError) as raised:
        read_project(package(pyproject))
    assert raised.value.code == code


@pytest.mark.parametrize(
    ("setting", "remedy"),
    [
        ("max-size = '20MB'", "set it to a number of bytes, such as 20_000_000"),
        ("typecheck = 'off'", "set it to true or false"),
        ("changelog = true", "set it to the path of a file, or false"),
        ("release-branch = ''", "set it to the name of a branch"),
        ("format = 'yapf'", "set it to one of black, ruff, none"),
        ("not-in-git = 'a'", "set it to a list of strings"),
        ("pythons = ['3']", 'set it to a list of versions such as "3.9" and "3.13"'),
        ("audit-exceptions = 'a'", "set it to a list of tables with id, reason and until"),
    ],
)
def test_the_help_for_a_setting_says_what_it_may_be(
    package: Callable[..., Path], setting: str, remedy: str
) -> None:
    with pytest.raises(UserError) as raised:
        read_project(package(f"{STATIC}[tool.ci]\n{setting}\n"))
    assert raised.value.remedy == remedy


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no pyproject\.toml") as raised:
        read_project(tmp_path)
    assert raised.value.code == "no-pyproject"


def test_a_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UserError) as raised:
        read_project(tmp_path)
    assert raised.value.code == "pyproject-encoding"


def test_a_package_without_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(STATIC, encoding="utf-8")
    with pytest.raises(UserError, match="no package Sample_Pkg_one and no module") as raised:
        read_project(tmp_path)
    assert raised.value.code == "no-package"
