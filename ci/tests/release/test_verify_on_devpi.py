from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.version import Version

from ci.errors import UserError
from ci.release import publish, verify
from ci.tests import faulty_proxy as faults
from ci.tests.checkouts import Checkout, make_checkout

if TYPE_CHECKING:
    from ci.rehearsal.servers import IndexServer, PackageIndex
    from ci.tests.faulty_proxy import FaultyProxy

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
HOME = os.environ["HOME"]  # where uv keeps the interpreters that it has fetched

SPY = """\
import os
__version__ = "1.0"
assert not [name for name in os.environ if name.startswith(("AWS_", "TWINE_", "PYPI_"))]
"""


@dataclass(frozen=True)
class Stage:
    """A machine with Pythons, an index behind a proxy, and credentials to keep quiet about."""

    folder: Path
    index: PackageIndex
    proxy: FaultyProxy
    environment: pytest.MonkeyPatch

    def package(
        self, code: str | None = None, *, requires: tuple[str, ...] = (), published: bool = True
    ) -> Checkout:
        """A package in the current folder, built, and published."""
        checkout = make_checkout(self.folder / "checkout", code=code, requires=requires)
        shutil.copy(ROOT / ".python-version", checkout.root)
        checkout.commit()
        self.environment.chdir(checkout.root)
        if published:
            self.publish()
        return checkout

    def publish(self) -> None:
        self.environment.setenv("TWINE_USERNAME", self.index.username)
        self.environment.setenv("TWINE_PASSWORD", self.index.password)
        publish.main([])

    def verify(self, *arguments: str) -> str | None:
        """The code of the UserError that it ends with, None if it succeeds."""
        self.environment.setenv("TWINE_PASSWORD", self.index.password)
        try:
            verify.main([*arguments])
        except UserError as problem:
            print(problem)
            return problem.code
        return None


@pytest.fixture
def stage(
    tmp_path: Path,
    package_index: PackageIndex,
    proxy: FaultyProxy,
    clean_environment: pytest.MonkeyPatch,
) -> Stage:
    for name, value in {
        "AWS_SECRET_ACCESS_KEY": "testing",
        "HOME": HOME,
        "PUBLISH_ATTEMPTS": "2",
        "PUBLISH_PAUSE": "0.02",
        "PUBLISH_WAIT": "3",
        "TWINE_REPOSITORY_URL": proxy.url,
        "UV_INDEX": f"local={proxy.url}+simple/",
    }.items():
        clean_environment.setenv(name, value)
    return Stage(tmp_path, package_index, proxy, clean_environment)


def test_what_was_published_installs_and_imports_on_the_lowest_and_the_highest_python(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    checkout = stage.package(SPY)
    assert stage.verify() is None
    output = capsys.readouterr().out
    assert "Python 3.8: thing 1.0 installs and imports" in output
    assert "Python 3.12: thing 1.0 installs and imports" in output
    for name, digest in checkout.files.items():
        assert f"served as built: {name} {digest}" in output


def test_a_published_version_is_verified_without_its_distributions(stage: Stage) -> None:
    shutil.rmtree(stage.package().dist)
    assert stage.verify("--version", "1.0") is None
    assert stage.verify() == "nothing-to-verify"
    assert stage.verify("--version", "1.1") == "not-published"
    assert stage.verify("--version", "one") == "version-argument"


def test_dependencies_come_from_the_default_index_and_not_from_the_target_s(
    stage: Stage, devpi: IndexServer
) -> None:
    default = devpi.add_index("default")
    stage.environment.setenv("UV_DEFAULT_INDEX", default.index_url)
    needed = make_checkout(stage.folder / "needed", name="needed", version="2.0")
    stage.environment.chdir(needed.root)
    stage.publish()  # where it must not be taken from
    stage.package("import needed\n__version__ = '1.0'\n", requires=("needed>=2", "x; extra == 'y'"))
    assert stage.verify() == "dependencies-fail"
    stage.environment.chdir(needed.root)
    stage.environment.setenv("TWINE_USERNAME", default.username)
    stage.environment.setenv("TWINE_PASSWORD", default.password)
    publish.main(["--repository-url", default.upload_url, "--index-url", default.index_url])
    stage.environment.chdir(stage.folder / "checkout")
    assert stage.verify() is None


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("__version__ = str(1.1)", "installed-version"),
        ("import no_such_module", "import-fails"),
    ],
)
def test_a_package_that_a_user_could_not_use_is_found_out(
    stage: Stage, code: str, problem: str
) -> None:
    stage.package(code)
    assert stage.verify() == problem


def test_a_package_need_not_say_its_version_itself(stage: Stage) -> None:
    stage.package("")
    assert stage.verify() is None


def test_a_version_that_is_only_spelled_differently_is_the_same() -> None:
    found = {"__version__": "1.0.0-rc.1", "metadata": "1.0.0rc1"}
    verify.check_versions("3.12", found, Version("1.0rc1"))


def test_what_is_not_there_is_waited_for_and_then_reported(stage: Stage) -> None:
    stage.package(published=False)
    stage.environment.setenv("PUBLISH_WAIT", "0.1")
    assert stage.verify() == "not-shown"


def test_a_lagging_index_is_waited_for(stage: Stage) -> None:
    stage.package()
    stage.proxy.play(reads=[faults.answering(404, "Not Found")] * 3)
    assert stage.verify() is None
    assert stage.proxy.read_count > 3


def test_bytes_with_another_hash_than_the_listing_says_are_refused(stage: Stage) -> None:
    stage.package()
    stage.proxy.play(reads=[faults.pass_on, faults.pass_on, faults.rewritten(b"thing", b"thong")])
    assert stage.verify() == "index-differs"


def test_a_file_that_can_not_be_downloaded_is_reported(stage: Stage) -> None:
    stage.package()
    stage.proxy.play(reads=[faults.pass_on, *[faults.pass_on, faults.cut_short] * 9])
    assert stage.verify() == "not-served"


def test_an_index_that_fails_the_installer_alone_is_reported(stage: Stage) -> None:
    stage.package()
    ours = [faults.pass_on] * 4  # the listing twice, and two files
    stage.proxy.play(reads=[*ours, *[faults.answering(404, "Not Found")] * 99])
    assert stage.verify() == "install-fails"


def test_a_missing_interpreter_is_named_with_how_to_get_it(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    checkout = stage.package()
    pyproject = checkout.root / "pyproject.toml"
    pyproject.write_text(pyproject.read_text().replace("Python :: 3.8", "Python :: 3.2"))
    stage.environment.setenv("UV_PYTHON_DOWNLOADS", "never")
    assert stage.verify() == "no-interpreter"
    assert "uv python install 3.2" in capsys.readouterr().out
