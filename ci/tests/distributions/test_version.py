"""The version: what the backend says before there is a wheel, then what the wheel says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from packaging.version import Version

from ci.distributions import build, check, version
from ci.errors import UserError
from ci.release import check_tag
from ci.tests.samples import commit, git, make_package, write

ROOT = Path(__file__).parents[3]

# A backend that prints, as some do, and says what stands in says.txt; or builds a wheel at once.
_BACKEND = """\
import os, zipfile
print("talks to people")
said = open("says.txt").read()
def _write(folder):
    os.makedirs(os.path.join(folder, "demo_pkg-1.dist-info"))
    with open(os.path.join(folder, "demo_pkg-1.dist-info", "METADATA"), "w") as file:
        file.write(said)
    return "demo_pkg-1.dist-info"
def {hook}(folder, config_settings=None, metadata_directory=None):
    {body}
"""
_METADATA = "Metadata-Version: 2.1\nName: demo-pkg\nVersion: 1.2.3\n"
_HOOKS = {
    "prepare_metadata_for_build_wheel": "return _write(folder)",
    "build_wheel": (
        'file = os.path.join(folder, "demo_pkg-1-py3-none-any.whl")\n'
        '    with zipfile.ZipFile(file, "w") as archive:\n'
        '        archive.writestr("demo_pkg-1.dist-info/METADATA", said)\n'
        "    return os.path.basename(file)"
    ),
}


def make_own_backend(root: Path, says: str, hook: str, body: str) -> Path:
    write(
        root,
        {
            "pyproject.toml": (
                '[build-system]\nrequires = []\nbuild-backend = "own"\nbackend-path = ["."]\n'
            ),
            "own.py": _BACKEND.format(hook=hook, body=body),
            "says.txt": says,
        },
    )
    return root


@pytest.mark.parametrize("hook", _HOOKS)
def test_the_backend_says_the_version_and_nothing_else_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], hook: str
) -> None:
    make_own_backend(tmp_path, _METADATA, hook, _HOOKS[hook])
    monkeypatch.chdir(tmp_path)
    version.main()
    assert capfd.readouterr().out == "1.2.3\n"


@pytest.mark.parametrize("said", ["Name: demo-pkg\n", "Version: latest\n", ""])
def test_a_backend_that_says_no_version_is_named(tmp_path: Path, said: str) -> None:
    hook = "prepare_metadata_for_build_wheel"
    root = make_own_backend(tmp_path, said, hook, _HOOKS[hook])
    with pytest.raises(UserError, match="the build backend gives the version") as caught:
        version.backend_version(root)
    assert caught.value.code == "backend-version"


@pytest.mark.parametrize(
    ("body", "said"),
    [("raise LookupError('no tag')", "LookupError: no tag"), ("exit(3)", "talks to people")],
)
def test_a_backend_that_fails_is_quoted(tmp_path: Path, body: str, said: str) -> None:
    root = make_own_backend(tmp_path, "", "prepare_metadata_for_build_wheel", body)
    with pytest.raises(UserError, match=said) as caught:
        version.backend_version(root)
    assert caught.value.code == "backend-version"


def test_a_backend_that_is_not_there_is_named(tmp_path: Path) -> None:
    write(tmp_path, {"pyproject.toml": '[build-system]\nrequires=[]\nbuild-backend = "gone"\n'})
    with pytest.raises(UserError, match="gone") as caught:
        version.backend_version(tmp_path)
    assert caught.value.code == "backend-version"


# --- versions that come from git's tags ----------------------------------------------------------

_VCS = {
    "hatch-vcs": """\
[build-system]
requires = ["hatchling", "hatch-vcs"]
build-backend = "hatchling.build"
[tool.hatch.version]
source = "vcs"
""",
    "setuptools-scm": """\
[build-system]
requires = ["setuptools", "setuptools-scm"]
build-backend = "setuptools.build_meta"
[tool.setuptools_scm]
""",
}


def built_version(root: Path) -> str:
    """The version that a build of the package in `root` leaves in dist/."""
    for main in (build.main, check.main):
        main([str(root.parent / "built")])
    (wheel,) = (root / "dist").glob("*.whl")
    return wheel.name.split("-")[1]


@pytest.mark.slow
@pytest.mark.parametrize("kind", _VCS)
def test_a_version_from_gits_tags_is_built_and_released_at_its_tag_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    for name in ("RELEASE_TAG", "RELEASE_BRANCH", "SOURCE_COMMIT", "DIST_DIR"):
        monkeypatch.delenv(name, raising=False)
    root = make_package(tmp_path / "package", system=_VCS[kind])
    write(root, {"src/demo_pkg/__init__.py": '"""Demo."""\n'})
    commit(root)
    monkeypatch.chdir(root)

    # Before the tag it is a development version, which is built and not released.
    before = Version(built_version(root))
    assert before == version.backend_version(root)
    assert before.is_devrelease
    git(root, "tag", "v1.2.0")
    with pytest.raises(UserError) as caught:
        check_tag.main()
    assert caught.value.code == "tag-version"

    # At the tag it is the tag's version, and no other tag's.
    assert built_version(root) == str(version.backend_version(root)) == "1.2.0"
    check_tag.main()
    git(root, "tag", "v1.2.1")
    monkeypatch.setenv("RELEASE_TAG", "v1.2.1")
    with pytest.raises(UserError) as caught:
        check_tag.main()
    assert caught.value.code == "tag-version"


def test_the_module_can_be_started_by_its_name() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ci.distributions.version"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert str(Version(done.stdout.strip())) == done.stdout.strip()
