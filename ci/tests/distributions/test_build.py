from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from ci.distributions import build as dist
from ci.distributions import check
from ci.distributions.archive import read_archive
from ci.distributions.manifest import check_manifest
from ci.errors import UserError
from ci.tests.samples import (
    FAKE_AWS_KEY,
    STEM,
    commit,
    git,
    make_package,
    write,
    write_tar,
)

_HOUSE = Path(dist.__file__).resolve().parents[2]
_NAMES = {f"{STEM}.tar.gz", f"{STEM}-py3-none-any.whl"}
_ONLY_INCLUDE = '[tool.hatch.build.targets.sdist]\nonly-include = ["src", "tests"]\n'
# setuptools ships what it is told to, and everything of the package's folder in the sdist.
_PACKAGE_DATA = '[tool.setuptools.package-data]\ndemo_pkg = ["**"]\n'

_MODULE_BUILD = {
    "hatchling": """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[tool.hatch.version]
path = "{0}demo_pkg.py"
[tool.hatch.build.targets.wheel]
only-include = ["{0}demo_pkg.py"]
sources = ["src"]
""",
    "setuptools": """\
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[tool.setuptools]
py-modules = ["demo_pkg"]
[tool.setuptools.dynamic]
version = {{ attr = "demo_pkg.__version__" }}
""",
}


def run(root: Path) -> str:
    """The message of the UserError that the build in `root` ends with, empty if it passes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.delenv("DIST_DIR", raising=False)
        try:
            dist.main(["built"])
            check.main(["built"])
        except UserError as problem:
            return str(problem)
    return ""


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["hatchling", "setuptools"])
def test_a_good_package_is_built_with_a_manifest_that_sha256sum_checks(
    tmp_path: Path, backend: str
) -> None:
    root = make_package(tmp_path, backend=backend)
    write(root, {"dist/demo_pkg-1.1.0.tar.gz": "left by an earlier build"})

    assert run(root) == ""
    assert {path.name for path in (root / "dist").iterdir()} == {*_NAMES, "SHA256SUMS"}
    assert check_manifest(root / "dist").keys() == _NAMES
    subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=root / "dist", check=True
    )


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["", "src/"])
@pytest.mark.parametrize("backend", ["hatchling", "setuptools"])
def test_a_package_of_one_module_is_built(tmp_path: Path, backend: str, folder: str) -> None:
    system = _MODULE_BUILD[backend].format(folder)
    if folder:
        system = system.replace("py-modules", 'package-dir = { "" = "src" }\npy-modules')
    root = make_package(tmp_path, system=system)
    git(root, "rm", "--quiet", "-r", "src")
    write(root, {f"{folder}demo_pkg.py": '__version__ = "1.2.0"\n'})
    commit(root)
    assert run(root) == ""
    (wheel,) = (root / "dist").glob("*.whl")
    assert "demo_pkg.py" in read_archive(wheel, max_size=10**6).files


@pytest.fixture(
    scope="module",
    params=[
        ("hatchling", ""),
        ("hatchling", _ONLY_INCLUDE),
        ("setuptools", _PACKAGE_DATA),
    ],
    ids=["hatchling", "hatchling-only-include", "setuptools"],
)
def refused(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the build says of a package in which everything is wrong at once."""
    backend, more = request.param
    root = make_package(tmp_path_factory.mktemp("bad"), backend=backend, more=more)
    write(
        root,
        {
            "MANIFEST.in": "graft src\ngraft tests\n",
            "src/demo_pkg/study.ipynb": "{}\n",
            "src/demo_pkg/aws.py": f'KEY = "{FAKE_AWS_KEY}"\n',
            "src/demo_pkg/results.csv": "1,2\n",
            "tests/upload.py": f'KEY = "{FAKE_AWS_KEY}"\n',
        },
    )
    commit(root)
    write(root, {"src/demo_pkg/.env.local": "A=1\n", "dist/old.whl": ""})
    message = run(root)
    assert not (root / "dist").exists()
    return message


@pytest.mark.slow
@pytest.mark.parametrize(
    ("member", "rule"),
    [
        ("demo_pkg/.env.local: it is named like a secret (.env.*)", "private-name"),
        ("demo_pkg/.env.local: git does not track it", "untracked"),
        ("demo_pkg/study.ipynb: it is named like a notebook (*.ipynb)", "private-name"),
        ("demo_pkg/results.csv: it is named like data (*.csv)", "private-name"),
        ("demo_pkg/aws.py: line 1 looks like it has a secret: AWS Access Key", "secret"),
    ],
)
def test_the_build_lists_it_in_sdist_and_wheel_and_leaves_nothing(
    refused: str, member: str, rule: str
) -> None:
    for start in (f"{STEM}.tar.gz: src/", f"{STEM}-py3-none-any.whl: "):
        (line,) = (line for line in refused.splitlines() if f"{start}{member}" in line)
        assert line.endswith(f"[{rule}]")
    assert FAKE_AWS_KEY not in refused


@pytest.mark.slow
def test_what_is_in_the_sdist_alone_stops_the_build_as_well(refused: str) -> None:
    assert f"{STEM}.tar.gz: tests/upload.py: line 1 looks like" in refused


@pytest.mark.slow
def test_an_untracked_env_file_at_the_top_stops_a_hatchling_build(tmp_path: Path) -> None:
    root = make_package(tmp_path)
    write(root, {".env.local": "A=1\n"})
    message = run(root)
    assert f"{STEM}.tar.gz: .env.local: it is named like a secret" in message
    assert ".env.local: git does not track it" in message
    assert ".env.local: it does not belong in this distribution (1 file(s)): " in message
    assert not (root / "dist").exists()


@pytest.mark.slow
def test_a_file_that_the_wheel_lacks_stops_the_build(tmp_path: Path) -> None:
    root = make_package(tmp_path, backend="setuptools")
    write(root, {"src/demo_pkg/words.txt": "a\n", "MANIFEST.in": "exclude src/demo_pkg/words.txt"})
    commit(root)
    assert "src/demo_pkg/words.txt: git tracks it in the package, but the wheel lacks" in run(root)


@pytest.mark.slow
def test_a_backend_that_fails_leaves_nothing_but_its_words_and_no_traceback_of_ours(
    tmp_path: Path,
) -> None:
    root = make_package(tmp_path)
    write(root, {"dist/old.whl": ""})
    (root / "README.md").unlink()
    done = subprocess.run(
        [sys.executable, "-m", "ci.distributions.build", "built"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(_HOUSE), "DIST_DIR": "dist"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "README.md" in done.stdout + done.stderr
    assert done.stderr.splitlines()[-2].startswith("error[build-failed]: the sdist of ")
    assert not (root / "dist").exists()


# A backend that notes in what it makes how it was called, and from what.
_NOTING_BACKEND = f"""\
import os, tarfile, zipfile

def note():
    umask = os.umask(0)
    os.umask(umask)
    return f"{{os.environ['SOURCE_DATE_EPOCH']}} {{umask:o}} {{os.stat('own.py').st_mtime:.0f}}"

def build_sdist(folder, config_settings=None):
    with open("note", "w") as file:
        file.write(note())
    with tarfile.open(folder + "/{STEM}.tar.gz", "w:gz") as sdist:
        for name in "own.py", "pyproject.toml", "note":
            sdist.add(name, "{STEM}/" + name)
    return "{STEM}.tar.gz"

def build_wheel(folder, config_settings=None, metadata_directory=None):
    with zipfile.ZipFile(folder + "/{STEM}-py3-none-any.whl", "w") as wheel:
        wheel.write("note", "from-sdist")
        wheel.writestr("from-wheel", note())
    return "{STEM}-py3-none-any.whl"
"""
_CUT_OFF = """\
import os, tarfile
def build_sdist(folder, config_settings=None):
    path = folder + "/a.tar.gz"
    with open("large", "wb") as file:
        file.write(os.urandom(100_000))
    with tarfile.open(path, "w:gz") as sdist:
        sdist.add("large", "a/large")
    os.truncate(path, 50_000)
    return "a.tar.gz"
"""
_OWN_SYSTEM = """\
[build-system]
requires = []
build-backend = "own"
backend-path = ["."]
"""


def test_the_wheel_is_built_from_the_sdist_as_the_pipeline_packs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, out = make_package(tmp_path / "package", system=_OWN_SYSTEM), tmp_path / "out"
    write(out, {"old.whl": ""})
    write(root, {"own.py": _NOTING_BACKEND})
    os.utime(root / "own.py", (1, 1))
    epoch = git(root, "log", "-1", "--format=%ct")
    monkeypatch.chdir(root)
    dist.main(["../out"])
    assert {path.name for path in out.iterdir()} == _NAMES
    with zipfile.ZipFile(out / f"{STEM}-py3-none-any.whl") as wheel:
        assert wheel.read("from-sdist").decode() == f"{epoch} 22 1"
        assert wheel.read("from-wheel").decode() == f"{epoch} 22 {epoch}"


@pytest.mark.parametrize(
    ("system", "backend", "why"),
    [
        ('requires = ["no-such-thing>=3"]', "", "missing in the environment: no-such-thing>=3"),
        ('requires = ["pytest>=900"]', "", "missing in the environment: pytest>=900"),
        (
            "requires = []",
            "def get_requires_for_build_sdist(_): return ['no-such-thing']",
            "missing in the environment: no-such-thing",
        ),
        ("requires = 3", "", "`requires` must be an array of strings"),
        ('build-backend = "gone"', "", "`requires` is a required property"),
        ('requires = []\nbuild-backend = "gone"', "", "Backend 'gone' is not available"),
        ("requires = []", "raise SystemExit('broken')", "Backend subprocess exited"),
        ("requires = []", "", "Backend subprocess exited when trying to invoke build_sdist"),
        ("requires = []", "def build_sdist(*_): return 'a.tar.gz'", "which is no file in"),
        ("requires = []", "def build_sdist(*_): return '../pyproject.toml'", "is no file in"),
        (
            "requires = []",
            "def build_sdist(folder, _):\n open(folder + '/a.tar.gz', 'w'); return 'a.tar.gz'",
            r"a\.tar\.gz can't be unpacked: ",
        ),
        ("requires = []", _CUT_OFF, r"a\.tar\.gz can't be unpacked: Compressed file ended"),
    ],
)
def test_a_backend_that_fails_stops_the_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str, backend: str, why: str
) -> None:
    if "build-backend" not in system:
        system += '\nbuild-backend = "own"\nbackend-path = ["."]'
    root = make_package(tmp_path / "package", system=f"[build-system]\n{system}\n")
    write(root, {"dist/old.whl": "", "own.py": backend})
    monkeypatch.chdir(root)
    with pytest.raises(UserError, match=f"the sdist of package was not built: .*{why}") as caught:
        dist.main([str(tmp_path / "out")])
    assert caught.value.code == "build-failed"
    assert not (root / "dist").exists()


def test_an_sdist_that_python_fails_to_read_stops_the_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tarfile.TarInfo(f"{STEM}/a.py")
    info.pax_headers = {"GNU.sparse.map": "x"}
    sdist = write_tar(tmp_path / f"{STEM}.tar.gz", [(info, b"")])
    monkeypatch.setattr(dist, "_call_backend", lambda *_: sdist)
    with pytest.raises(UserError, match=f"{sdist.name} can't be unpacked: invalid lit") as caught:
        dist.build(make_package(tmp_path / "package"), tmp_path)
    assert caught.value.code == "build-failed"


# --- backends and configurations that add something -----------------------------------------------

# An in-tree backend: hatchling, and then one change of the wheel, with a RECORD that fits.
_EVIL_BACKEND = """\
import base64, hashlib, os, zipfile
from hatchling.build import *
from hatchling import build as good

def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = good.build_wheel(folder, config_settings, metadata_directory)
    path = os.path.join(folder, name)
    info = name.removesuffix("-py3-none-any.whl") + ".dist-info"
    data = info.replace(".dist-info", ".data")
    with zipfile.ZipFile(path) as wheel:
        files = {{each: wheel.read(each) for each in wheel.namelist()}}
    {change}
    del files[info + "/RECORD"]
    lines = ""
    for each, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
        lines += f"{{each}},sha256={{digest}},{{len(content)}}\\n"
    files[info + "/RECORD"] = (lines + info + "/RECORD,,\\n").encode()
    with zipfile.ZipFile(path, "w") as wheel:
        for each, content in files.items():
            wheel.writestr(zipfile.ZipInfo(each), content)
    return name
"""
_EVIL_SYSTEM = """\
[build-system]
requires = ["hatchling"]
build-backend = "evil"
backend-path = ["."]
[tool.hatch.version]
path = "src/demo_pkg/__init__.py"
[tool.ci]
sdist-include = ["evil.py"]
"""


def run_evil(root: Path, change: str) -> str:
    make_package(root, system=_EVIL_SYSTEM)
    write(root, {"evil.py": _EVIL_BACKEND.format(change=change)})
    commit(root)
    return run(root)


@pytest.mark.slow
def test_a_backend_of_the_packages_own_passes_if_it_adds_nothing(tmp_path: Path) -> None:
    assert run_evil(tmp_path, "pass") == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("files['demo_pkg/__init__.py'] += b'import os\\n'", "not-committed"),
        ("files['demo.pth'] = b'import demo_pkg\\n'", "untracked"),
        ("files[data + '/scripts/pip'] = b'#!python\\n'", "data-folder"),
        (
            "files[info + '/entry_points.txt'] = b'[console_scripts]\\npython3 = demo_pkg:x\\n'",
            "entry-points",
        ),
        (
            "key = info + '/METADATA'; files[key] = b'Requires-Dist: evil\\n' + files[key]",
            "metadata",
        ),
    ],
)
def test_a_backend_that_adds_something_is_found_out(tmp_path: Path, change: str, rule: str) -> None:
    message = run_evil(tmp_path, change)
    assert f"[{rule}]" in message
    assert not (tmp_path / "dist").exists()


@pytest.mark.slow
@pytest.mark.parametrize("target", ["wheel", "sdist"])
def test_a_file_from_outside_of_the_repository_is_found_out(tmp_path: Path, target: str) -> None:
    outside = tmp_path / "outside.py"
    outside.write_text("evil = True\n", encoding="utf-8")
    root = make_package(
        tmp_path / "package",
        more=f'[tool.hatch.build.targets.{target}.force-include]\n"{outside}" = '
        f'"{"src/" if target == "sdist" else ""}demo_pkg/evil.py"\n',
    )
    message = run(root)
    assert "demo_pkg/evil.py: git does not track it" in message
    assert not (root / "dist").exists()


@pytest.mark.slow
def test_a_test_loop_with_an_edited_file_needs_no_commit(tmp_path: Path) -> None:
    root = make_package(tmp_path)
    write(root, {"src/demo_pkg/__init__.py": '__version__ = "1.2.0"  # edited\n'})
    assert run(root) == ""
