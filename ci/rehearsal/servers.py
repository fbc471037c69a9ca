"""A package index and a Secrets Manager on loopback, for as long as a `with` block lasts."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from ci.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_START_SECONDS = 90
_REQUEST_SECONDS = 30
_LAST_WORDS = 5  # lines of the log, which is removed with the scratch folder


@dataclass(frozen=True)
class PackageIndex:
    """One index of a server: where to upload to, as whom, and where what is there is shown."""

    upload_url: str
    index_url: str
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class IndexServer:
    """A running devpi server; `add_index` makes indexes on it."""

    url: str

    def add_index(
        self,
        name: str,
        *,
        username: str = "rehearsal",
        password: str = "not-a-secret",  # noqa: S107 - guards nothing but scratch
    ) -> PackageIndex:
        """Make an empty index: no file on it can be replaced, nothing is mirrored.

        Raises UserError when the server refuses.
        """
        auth = self._login("root", "root")
        self._put(username, {"password": password}, auth)
        self._put(f"{username}/{name}", {"type": "stage", "volatile": False, "bases": []}, auth)
        url = f"{self.url}/{username}/{name}/"
        return PackageIndex(url, f"{url}+simple/", username, password)

    def _put(self, path: str, options: dict[str, Any], auth: dict[str, str]) -> None:
        """Make a user or an index; one that exists stays as it is."""
        url = f"{self.url}/{path}"
        answer = requests.put(url, json=options, headers=auth, timeout=_REQUEST_SECONDS)
        if not answer.ok and answer.status_code != requests.codes.conflict:
            raise _refused(answer)

    def _login(self, username: str, password: str) -> dict[str, str]:
        answer = requests.post(
            f"{self.url}/+login",
            json={"user": username, "password": password},
            timeout=_REQUEST_SECONDS,
        )
        if not answer.ok:
            raise _refused(answer)
        result: dict[str, Any] = answer.json()["result"]
        token = base64.b64encode(f"{username}:{result['password']}".encode()).decode()
        return {"X-Devpi-Auth": token, "Accept": "application/json"}


@dataclass(frozen=True)
class AwsServer:
    """A running moto server."""

    url: str

    def environment(self) -> dict[str, str]:
        """What leads boto3 there, with credentials that mean nothing."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "us-east-1",
        }


@contextmanager
def index_server(folder: Path) -> Iterator[IndexServer]:
    """A devpi server that keeps its data and its log in `folder`, which is made if need be.

    Raises UserError when it does not start.
    """
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "devpi"
    secret = folder / "devpi.secret"
    secret.write_bytes(base64.b64encode(folder.name.encode().ljust(48, b".")))
    secret.chmod(0o600)
    if not data.exists():
        _run(
            [
                _script("devpi-init"),
                "--serverdir",
                str(data),
                "--no-root-pypi",
                "--root-passwd=root",
            ],
            folder / "devpi-init.log",
        )
    command = [_script("devpi-server"), "--serverdir", str(data), "--secretfile", str(secret)]
    command += ["--host", "127.0.0.1", "--port", "0", "--threads", "8", "--offline-mode"]
    # Deriving its keys as slowly as it does by default takes seconds, and protects nothing here.
    command += ["--argon2-memory-cost=8", "--argon2-parallelism=1", "--argon2-time-cost=1"]
    with serving(command, folder / "devpi.log", r"Serving on (http://127\.0\.0\.1:\d+)") as url:
        yield IndexServer(url)


@contextmanager
def aws_server(folder: Path) -> Iterator[AwsServer]:
    """A moto server, empty, with its log in `folder`, which is made if need be.

    Raises UserError when it does not start.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = [_script("moto_server"), "-H", "127.0.0.1", "-p", "0"]
    with serving(command, folder / "moto.log", r"Running on (http://127\.0\.0\.1:\d+)") as url:
        yield AwsServer(url)


def _script(name: str) -> str:
    """A program of this environment, whatever PATH says."""
    return str(Path(sys.executable).parent / name)


def _run(command: Sequence[str], log: Path) -> None:
    with log.open("wb") as output:
        done = subprocess.run(
            command, stdout=output, stderr=subprocess.STDOUT, check=False, timeout=_START_SECONDS
        )
    if done.returncode:
        raise _not_started(command, log)


@contextmanager
def serving(command: Sequence[str], log: Path, announcement: str) -> Iterator[str]:
    """Run a server as long as the block lasts; its address is the group in its `announcement`.

    Raises UserError when it ends, or says nothing of the kind, before it serves.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield _announced(process, command, log, announcement)
    finally:
        process.kill()  # what it has not written yet, nobody will read
        process.wait()


def _announced(
    process: subprocess.Popen[bytes], command: Sequence[str], log: Path, announcement: str
) -> str:
    """Wait for the line that has the address: the port is the system's choice."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        match = re.search(announcement, log.read_text(encoding="utf-8", errors="replace"))
        if match:
            return match[1]
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
        break
    raise _not_started(command, log)


def _not_started(command: Sequence[str], log: Path) -> UserError:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() or ["it printed nothing"]
    name = Path(command[0]).name
    return UserError(
        "server-start",
        f"{name} does not start: {' | '.join(lines[-_LAST_WORDS:])}",
        "remove the folder .nox/rehearse, so that it is installed again, and check that there is"
        " room on the disk",
    )


def _refused(answer: requests.Response) -> UserError:
    return UserError(
        "server-refuses",
        f"{answer.url} answers {answer.status_code}: {answer.text[:300]}",
        "remove the scratch folder and start again",
    )
