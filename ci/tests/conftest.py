"""Servers that are started once, and a checkout that is ready to be published."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from botocore.loaders import create_loader
from pytest_httpserver import HTTPServer

from ci.index import listing, retry
from ci.rehearsal.servers import AwsServer, IndexServer, PackageIndex, aws_server, index_server
from ci.tests.checkouts import Checkout, copy_checkout, make_checkout
from ci.tests.fake_index import FakeIndex
from ci.tests.faulty_proxy import FaultyProxy
from ci.tests.samples import to_be_copied

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Tally:
    """How many faults were tried, and how many did no harm."""

    tried: int = 0
    survived: int = 0

    @contextmanager
    def trying(self) -> Iterator[None]:
        """One fault; it is survived if the block does not fail."""
        self.tried += 1
        yield
        self.survived += 1


TALLY = pytest.StashKey[Tally]()

_REDIRECTING = ("AWS_", "BUILD_", "CHECK_", "DIST_", "PIP_", "PUBLISH_", "PYPI_", "TWINE_", "UV_")
_number = itertools.count(1)
_GIT_CONFIG = """\
[user]
name = Test
email = test@example.invalid
[core]
fsync = none
logAllRefUpdates = false
[maintenance]
auto = false
[gc]
auto = 0
"""


# The quick tests write 20,000 files, of 100 MB: in memory, `pr` takes a tenth less time.
_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
_ROOM = 2**30
_scratch = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """Have the quick tests write into memory, where that is large enough."""
    in_worker = "PYTEST_XDIST_WORKER" in os.environ  # it inherits TMPDIR
    if config.option.markexpr != "not slow" or in_worker or not _MEMORY.is_dir():
        return
    disk = os.statvfs(_MEMORY)
    if disk.f_bavail * disk.f_frsize > _ROOM and not disk.f_flag & os.ST_NOEXEC:
        for left in _MEMORY.glob("ci-tests-*-*"):  # by a run that was killed
            if not psutil.pid_exists(int(left.name.split("-")[2])):
                shutil.rmtree(left, ignore_errors=True)
        scratch = tempfile.mkdtemp(prefix=f"ci-tests-{os.getpid()}-", dir=_MEMORY)
        config.stash[_scratch] = Path(scratch)
        os.environ["TMPDIR"] = tempfile.tempdir = scratch


def pytest_unconfigure(config: pytest.Config) -> None:
    """Give the memory back."""
    if _scratch in config.stash:
        shutil.rmtree(config.stash[_scratch], ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def _git_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Git reads none of this machine's settings, and does nothing that only a real one needs.

    It works on the tests' own repositories, also in a hook or a `git rebase -x` of another one.
    """
    folder = tmp_path_factory.mktemp("git")
    config = folder / "gitconfig"
    config.write_text(_GIT_CONFIG, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        for name in subprocess.check_output(
            ["git", "rev-parse", "--local-env-vars"], text=True
        ).split():
            patch.delenv(name, raising=False)
        patch.setenv("GIT_CONFIG_GLOBAL", str(config))
        patch.setenv("GIT_CONFIG_NOSYSTEM", "true")
        patch.setenv("GIT_TEMPLATE_DIR", str(folder / "none"))
        yield


@pytest.fixture(scope="session", autouse=True)
def _botocore_reads_its_files_once() -> Iterator[None]:
    """Each client of AWS would parse the descriptions of its service anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.session.create_loader", cache(create_loader))
        yield


@pytest.fixture(scope="session")
def devpi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IndexServer]:
    with index_server(tmp_path_factory.mktemp("devpi")) as server:
        yield server


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsServer]:
    with aws_server(tmp_path_factory.mktemp("moto")) as server:
        yield server


@pytest.fixture(scope="session")
def http_servers() -> Iterator[tuple[HTTPServer, HTTPServer]]:
    """Two servers in this process: two origins, as they have two ports."""
    with HTTPServer("127.0.0.1", threaded=True) as one, HTTPServer(
        "127.0.0.1", threaded=True
    ) as other:
        yield one, other


@pytest.fixture
def elsewhere(http_servers: tuple[HTTPServer, HTTPServer]) -> Iterator[HTTPServer]:
    """A server that is not the index's."""
    yield http_servers[1]
    http_servers[1].check()
    http_servers[1].clear()


@pytest.fixture
def index(http_servers: tuple[HTTPServer, HTTPServer]) -> Iterator[FakeIndex]:
    """An empty index in this process."""
    yield FakeIndex(http_servers[0])
    http_servers[0].check()
    http_servers[0].clear()


@dataclass
class Clock:
    """Time that passes only where somebody sleeps."""

    slept: list[float]

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def monotonic(self) -> float:
        return sum(self.slept)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of all that waits for an index."""
    clock = Clock([])
    for module in (listing, retry):
        monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def package_index(devpi: IndexServer) -> PackageIndex:
    """An empty index that takes an API token, as PyPI does."""
    return devpi.add_index(
        f"release-{next(_number)}", username="__token__", password="pypi-" + "A" * 40
    )


@pytest.fixture
def proxy(package_index: PackageIndex) -> Iterator[FaultyProxy]:
    """What stands between the client and `package_index`, faultless until told otherwise."""
    with FaultyProxy(package_index.upload_url) as running:
        yield running


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Nothing that belongs to the machine leads anywhere: no settings, no home, no keyring."""
    for name in os.environ:
        if name.startswith(_REDIRECTING):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("PYTHONPYCACHEPREFIX", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("CI", "RELEASE_TAG", "SOURCE_COMMIT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    return monkeypatch


@pytest.fixture(scope="session")
def thing(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    made = make_checkout(tmp_path_factory.mktemp("thing") / "checkout")
    to_be_copied(made.root)
    return made


@pytest.fixture
def checkout(thing: Checkout, tmp_path: Path, clean_environment: pytest.MonkeyPatch) -> Checkout:
    """A built package, thing 1.0, in the current folder."""
    made = copy_checkout(thing, tmp_path / "checkout")
    clean_environment.chdir(made.root)
    return made


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Tally:
    """Counts the faults of the whole run."""
    return request.config.stash.setdefault(TALLY, Tally())


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say how many faults were tried and survived, where any were."""
    tally = config.stash.get(TALLY, None)
    if tally:
        terminalreporter.write_line(f"faults tried: {tally.tried}, survived: {tally.survived}")
