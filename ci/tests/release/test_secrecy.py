from __future__ import annotations

import base64
import itertools
import json
import os
import secrets
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest

from ci.tests import faulty_proxy as faults
from ci.tests.faulty_proxy import FaultyProxy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ci.rehearsal.servers import AwsServer, IndexServer
    from ci.tests.checkouts import Checkout
    from ci.tests.faulty_proxy import Exchange, Fault

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
for_ever = itertools.repeat
_number = itertools.count(1)

SUCCESS: Iterable[Fault] = ()
FAILURES = {
    "wrong password": [faults.answering(401, "Unauthorized")],
    "a server that echoes it": [faults.echo_the_authorization],
    "500 for ever": for_ever(faults.answering(500, "Internal Server Error")),
    "resets for ever": for_ever(faults.reset_mid_body),
    "hangs for ever": for_ever(faults.hang),
}


def exposures(token: str) -> Iterator[tuple[int, str, str]]:
    """Which processes hold the token, and where: process id, arguments or environment, program."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (process / "cmdline").read_bytes()
            environment = (process / "environ").read_bytes()
        except OSError:  # it has ended, or is another user's
            continue
        program = arguments.replace(b"\0", b" ").decode(errors="replace")
        for what, held in (("arguments", arguments), ("environment", environment)):
            if token.encode() in held:
                yield int(process.name), what, program


@dataclass(frozen=True)
class Watched:
    """A publishing process, and where the token was seen while it talked to the index."""

    pid: int
    code: int
    output: str
    seen: set[tuple[int, str, str]]


@dataclass(frozen=True)
class Stage:
    """A token that exists nowhere else, an index that takes it, and a place to publish from."""

    token: str
    username: str
    proxy: FaultyProxy
    checkout: Checkout
    scratch: Path

    def publish(self, uploads: Iterable[Fault], environment: dict[str, str]) -> Watched:
        seen: set[tuple[int, str, str]] = set()

        def watched(fault: Fault) -> Fault:
            def watch(exchange: Exchange) -> None:
                seen.update(exposures(self.token))
                fault(exchange)

            return watch

        self.proxy.play(
            uploads=map(watched, itertools.chain(uploads, for_ever(faults.pass_on))),
            reads=map(watched, for_ever(faults.pass_on)),
        )
        process = subprocess.Popen(
            [sys.executable, "-I", str(ROOT / "ci/run.py"), "release.publish"],
            cwd=self.checkout.root,
            env={
                **os.environ,
                **environment,
                "TMPDIR": str(self.scratch),
                "TWINE_REPOSITORY_URL": self.proxy.url,
                "UV_INDEX": f"{self.proxy.url}+simple/",
                "PUBLISH_UPLOAD_TIMEOUT": "3",
                "PUBLISH_ATTEMPTS": "2",
                "PUBLISH_PAUSE": "0.02",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        output, _ = process.communicate(timeout=60)
        return Watched(process.pid, process.returncode, output, seen)


@pytest.fixture
def stage(checkout: Checkout, devpi: IndexServer, tmp_path: Path) -> Iterator[Stage]:
    token, username = f"pypi-{secrets.token_hex(20)}", f"publisher-{next(_number)}"
    index = devpi.add_index("release", username=username, password=token)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with FaultyProxy(index.upload_url) as proxy:
        yield Stage(token, username, proxy, checkout, scratch)


@pytest.fixture
def secret(stage: Stage, moto: AwsServer, clean_environment: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of the publishing role: the secret's name, and never its value."""
    for name, value in moto.environment().items():
        clean_environment.setenv(name, value)
    boto3.Session().client("secretsmanager").create_secret(
        Name=f"{stage.username}/pypi",
        SecretString=json.dumps({"username": stage.username, "password": stage.token}),
    )
    return {"PYPI_SECRET_ID": f"{stage.username}/pypi"}


def check_that_nothing_shows_it(stage: Stage, run: Watched) -> None:
    basic = base64.b64encode(f"{stage.username}:{stage.token}".encode()).decode()
    unfolded = "".join(run.output.split())
    assert stage.token not in unfolded
    assert basic.rstrip("=") not in unfolded
    assert "Traceback" not in run.output
    files = [path for folder in (stage.scratch, stage.checkout.root) for path in folder.rglob("*")]
    assert files
    assert not [
        path for path in files if path.is_file() and stage.token.encode() in path.read_bytes()
    ]


@pytest.mark.parametrize("uploads", [SUCCESS, *FAILURES.values()], ids=["success", *FAILURES])
def test_the_secret_s_token_is_nowhere_but_in_twine_s_environment(
    stage: Stage, secret: dict[str, str], uploads: Iterable[Fault]
) -> None:
    run = stage.publish(uploads, secret)
    assert run.code == (0 if uploads is SUCCESS else 1), run.output
    check_that_nothing_shows_it(stage, run)
    assert run.seen, "nobody was seen to have it, not even twine: the watch is blind"
    for pid, what, program in run.seen:
        assert (what, " -m twine " in program) == ("environment", True), program
        assert pid != run.pid


def test_a_laptop_s_token_is_handed_on_to_twine_alone(stage: Stage) -> None:
    run = stage.publish(SUCCESS, {"TWINE_USERNAME": stage.username, "TWINE_PASSWORD": stage.token})
    assert run.code == 0, run.output
    check_that_nothing_shows_it(stage, run)
    others = {seen for seen in run.seen if seen[0] != run.pid}
    assert others
    assert all(what == "environment" and " -m twine " in program for _, what, program in others)


def test_aws_s_credentials_are_not_handed_on_to_twine(
    stage: Stage, secret: dict[str, str], clean_environment: pytest.MonkeyPatch
) -> None:
    key = secrets.token_hex(20)
    clean_environment.setenv("AWS_SECRET_ACCESS_KEY", key)
    held_by: set[str] = set()

    def look(exchange: Exchange) -> None:
        held_by.update(program for _, _, program in exposures(key))
        faults.pass_on(exchange)

    assert stage.publish([look, look], secret).code == 0
    assert [program for program in held_by if "release.publish" in program]
    assert not [program for program in held_by if "twine" in program]
