"""A rehearsal in which nothing runs."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from ci.checkout.git import git
from ci.rehearsal import codecommit
from ci.rehearsal.account import Account
from ci.rehearsal.cloudformation import Template
from ci.rehearsal.image import Laptop
from ci.rehearsal.rehearsal import Rehearsal
from ci.rehearsal.secretsmanager import SecretsProxy
from ci.rehearsal.servers import AwsServer, IndexServer, PackageIndex
from ci.tests.rehearsal.toy import make_toy, template
from ci.tests.samples import to_be_copied

if TYPE_CHECKING:
    from pathlib import Path

NOWHERE = "http://127.0.0.1:1"


@pytest.fixture(scope="session")
def scratch_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rehearsal's folder with the toy's clone and with the repository that is its origin."""
    folder = tmp_path_factory.mktemp("scratch")
    checkout = codecommit.create(make_toy(tmp_path_factory.mktemp("toy")), folder)
    git(checkout, "remote", "set-url", "origin", "../codecommit.git")
    to_be_copied(checkout)
    to_be_copied(folder / "codecommit.git")
    return folder


@pytest.fixture
def still(scratch_once: Path, tmp_path: Path) -> Rehearsal:
    """The toy's rehearsal without servers and images: its plays end where a build would begin."""
    toy = Template(template(), "eu-west-1")
    folder = tmp_path / "scratch"
    shutil.copytree(scratch_once, folder, symlinks=True)
    checkout = folder / "checkout"
    laptop = Laptop({}, tmp_path, tmp_path)
    account = Account(toy, folder, folder / "logs", folder / "codecommit.git", laptop)
    index = PackageIndex(f"{NOWHERE}/main/", f"{NOWHERE}/main/+simple/", "pypi", "a token")
    secrets = SecretsProxy(toy, NOWHERE)
    return Rehearsal(checkout, account, secrets, AwsServer(NOWHERE), IndexServer(NOWHERE), index)
