from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
import requests

from ci.errors import UserError
from ci.rehearsal.servers import IndexServer, index_server, serving

if TYPE_CHECKING:
    from ci.rehearsal.servers import AwsServer

pytestmark = pytest.mark.slow

STUBBORN = """\
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("process", os.getpid())
while True:
    signal.pause()
"""


def test_an_index_outlives_its_server_and_the_server_does_not_outlive_its_block(
    tmp_path: Path,
) -> None:
    with index_server(tmp_path) as first:
        made = first.add_index("release")
    with pytest.raises(requests.ConnectionError):
        requests.get(first.url, timeout=5)
    with index_server(tmp_path) as second:
        assert second.add_index("release").username == made.username
        page = requests.get(f"{second.url}/rehearsal/release", timeout=5).json()["result"]
    assert (page["volatile"], page["bases"]) == (False, [])
    assert made.password not in repr(made)


def test_an_index_that_the_server_refuses_is_reported(devpi: IndexServer) -> None:
    with pytest.raises(UserError) as caught:
        devpi.add_index("no/index")
    assert caught.value.code == "server-refuses"


def test_a_server_that_is_no_index_is_reported(moto: AwsServer) -> None:
    with pytest.raises(UserError) as caught:
        IndexServer(moto.url).add_index("release")
    assert caught.value.code == "server-refuses"


def test_a_server_that_ends_at_once_is_reported_with_its_last_words(tmp_path: Path) -> None:
    (tmp_path / "devpi").mkdir()  # where it expects its data
    with pytest.raises(UserError, match=r"devpi-server does not start: .+devpi") as caught:
        index_server(tmp_path).__enter__()
    assert caught.value.code == "server-start"


def test_data_that_can_not_be_made_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ci.rehearsal.servers._script", lambda _: "false")
    with pytest.raises(UserError, match="it printed nothing") as caught:
        index_server(tmp_path).__enter__()
    assert caught.value.code == "server-start"


def test_a_server_that_never_serves_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ci.rehearsal.servers._START_SECONDS", 0.3)
    with pytest.raises(UserError), serving(["sleep", "60"], tmp_path / "log", "never"):
        pytest.fail("it can't have served")


def test_a_server_that_does_not_listen_is_ended_all_the_same(tmp_path: Path) -> None:
    with serving([sys.executable, "-uc", STUBBORN], tmp_path / "log", r"process (\d+)") as process:
        assert Path("/proc", process).exists()
    assert not Path("/proc", process).exists()


def test_what_leads_boto3_to_the_server_does(
    moto: AwsServer, clean_environment: pytest.MonkeyPatch
) -> None:
    for name, value in moto.environment().items():
        clean_environment.setenv(name, value)
    client = boto3.Session().client("secretsmanager")
    assert client.meta.endpoint_url == moto.url
    assert client.list_secrets()["ResponseMetadata"]["HTTPStatusCode"] == 200
