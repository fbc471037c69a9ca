"""A rehearsal in which nothing runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ci.rehearsal import codecommit
from ci.rehearsal.account import Account
from ci.rehearsal.cloudformation import Template
from ci.rehearsal.image import Laptop
from ci.rehearsal.rehearsal import Rehearsal
from ci.rehearsal.secretsmanager import SecretsProxy
from ci.rehearsal.servers import AwsServer, IndexServer, PackageIndex
from ci.tests.rehearsal.toy import make_toy, template

if TYPE_CHECKING:
    from pathlib import Path

NOWHERE = "http://127.0.0.1:1"


@pytest.fixture
def still(tmp_path: Path) -> Rehearsal:
    """The toy's rehearsal without servers and images: its plays end where a build would begin."""
    toy = Template(template(), "eu-west-1")
    folder = tmp_path / "scratch"
    folder.mkdir()
    checkout = codecommit.create(make_toy(tmp_path / "toy"), folder)
    account = Account(toy, folder, folder / "codecommit.git", Laptop({}, tmp_path, tmp_path))
    index = PackageIndex(f"{NOWHERE}/main/", f"{NOWHERE}/main/+simple/", "pypi", "a token")
    secrets = SecretsProxy(toy, NOWHERE)
    return Rehearsal(checkout, account, secrets, AwsServer(NOWHERE), IndexServer(NOWHERE), index)
