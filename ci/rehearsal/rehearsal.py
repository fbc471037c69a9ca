"""Sets a rehearsal up: the stack as synthesized, a repository, an index, a secret.

What is played is what git has: a clone of HEAD, its cdk/ synthesized, its sessions run. Everything
is in one scratch folder and on loopback, and ends with the `with` block.
"""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import uv
from packaging.version import Version

from ci.checkout.changelog import entries, read_changelog
from ci.checkout.git import git
from ci.checkout.version import parse_version
from ci.errors import UserError
from ci.package.project import read_project
from ci.package.pyproject import load, table
from ci.rehearsal import codecommit
from ci.rehearsal.account import Account
from ci.rehearsal.cdk import synthesize
from ci.rehearsal.container import reach, spare_loopback
from ci.rehearsal.image import borrow
from ci.rehearsal.processes import children_end_on_interrupt
from ci.rehearsal.secretsmanager import secrets_proxy, store_secret
from ci.rehearsal.servers import aws_server, index_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from ci.package.project import Project
    from ci.rehearsal.cloudformation import Template
    from ci.rehearsal.execution import Step
    from ci.rehearsal.secretsmanager import SecretsProxy
    from ci.rehearsal.servers import AwsServer, IndexServer, PackageIndex


@dataclass(frozen=True)
class Rehearsal:
    """All that a play needs. `checkout` is a clone whose origin is the account's repository."""

    checkout: Path
    account: Account
    secrets: SecretsProxy
    aws: AwsServer
    server: IndexServer
    index: PackageIndex
    staging: PackageIndex | None = None

    @property
    def project(self) -> Project:
        """The package as it is in the checkout."""
        return read_project(self.checkout)

    @property
    def tag(self) -> str:
        """The tag to release what is in the checkout under."""
        return f"v{release_version(self.checkout)}"

    @property
    def repository(self) -> str:
        """What CodeCommit would call the repository."""
        return str(self._source("RepositoryName"))

    @property
    def branch(self) -> str:
        """The branch that the pipelines work on."""
        return str(self._source("BranchName"))

    @property
    def secret(self) -> str:
        """The name of the secret for publishing, as the template gives it to the publisher."""
        return secrets(self.account.template)[""]

    def _source(self, key: str) -> Any:  # noqa: ANN401 - JSON
        found = self.account.template.resources("AWS::CodePipeline::Pipeline").values()
        return next(iter(found))["Stages"][0]["Actions"][0]["Configuration"][key]


@contextmanager
def open_rehearsal(
    root: Path,
    folder: Path,
    announce: Callable[[Step], None] = lambda _: None,
    discard: Callable[[Path], None] = lambda _: None,
) -> Iterator[Rehearsal]:
    """Everything but the play, in `folder`.

    `announce` and `discard` are the account's. All builds that still run when the block ends are
    ended. Raises UserError for what keeps it from being set up.
    """
    spare_loopback()
    with ExitStack() as stack:
        with ThreadPoolExecutor() as pool, children_end_on_interrupt():
            aws = pool.submit(stack.enter_context, aws_server(folder / "servers"))
            server = pool.submit(stack.enter_context, index_server(folder / "servers"))
            checkout = codecommit.create(root, folder)
            laptop = pool.submit(borrow, checkout, folder / "laptop")
            template = synthesize(checkout / "cdk", folder / "cdk.out")
        proxy = stack.enter_context(secrets_proxy(template, aws.result().url))
        account = Account(
            template,
            folder,
            folder / "logs",
            folder / "codecommit.git",
            laptop.result(),
            variables=reach(),
            credentials=proxy.credentials,
            announce=announce,
            discard=discard,
        )
        stack.callback(account.processes.end_all)
        index = server.result().add_index("main")
        rehearsal = Rehearsal(checkout, account, proxy, aws.result(), server.result(), index)
        git(checkout, "push", "--quiet", "origin", f"HEAD:refs/heads/{rehearsal.branch}")
        yield with_indexes(rehearsal, "main")


def secrets(template: Template) -> dict[str, str]:
    """The secrets that builds are told of, by the repository that they publish to ("": PyPI).

    Raises UserError when none is for PyPI.
    """
    found = {}
    for project in template.resources("AWS::CodeBuild::Project").values():
        variables = project["Environment"].get("EnvironmentVariables", [])
        values = {variable["Name"]: str(variable["Value"]) for variable in variables}
        if "PYPI_SECRET_ID" in values:
            found[values.get("TWINE_REPOSITORY", "")] = values["PYPI_SECRET_ID"]
    if "" not in found:
        raise UserError(
            "rehearsal-secret", "no project has PYPI_SECRET_ID", "give it to the publisher in cdk/"
        )
    return found


def release_version(checkout: Path) -> str:
    """The version to release the package in `checkout` as: what the package says.

    Between two releases a version from git tags is one like 1.0.dev1+gabc. Then it is the newest of
    the changelog, as the next tag needs an entry; without one, it is 1.0.

    Raises UserError when the build backend does not say a version.
    """
    said = table(load(checkout / "pyproject.toml"), "project").get("version")
    if said is None:
        locks = [f"--with-requirements=ci/locks/{name}.txt" for name in ("build", "backend")]
        command = [uv.find_uv_bin(), "run", "--quiet", "--no-project", "--python", sys.executable]
        # Bytecode in the checkout is not looked at, and none is written.
        python = ["python", "-I", "-B", "-X", "pycache_prefix=/dev/null"]
        done = subprocess.run(
            [*command, *locks, *python, "ci/run.py", "distributions.version"],
            cwd=checkout,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise UserError(
                "rehearsal-version",
                f"the build backend gives no version: {' '.join(done.stderr.split())}",
                "run `nox -s wheel` to see the backend's whole output",
            )
        said = done.stdout
    version = Version(said.strip())
    if not (version.is_devrelease or version.local):
        return str(version)
    changelog = checkout / (read_project(checkout).settings.changelog or "")
    found = entries(read_changelog(changelog)) if changelog.is_file() else ()
    newest = next(filter(None, (parse_version(entry.version) for entry in found)), None)
    return str(newest) if newest else version.base_version


def with_indexes(rehearsal: Rehearsal, name: str) -> Rehearsal:
    """The same rehearsal with empty indexes of its own, and secrets that hold their tokens."""
    for repository, secret in secrets(rehearsal.account.template).items():
        index = rehearsal.server.add_index(
            f"{name}-{repository}" if repository else name,
            username=repository or "pypi",
            password=f"token-for-{repository or 'pypi'}",
        )
        rehearsal = with_index(rehearsal, index, repository)
        store_token(rehearsal, secret, token(index))
    return rehearsal


def token(index: PackageIndex) -> str:
    """What the secret of that index holds when all is well."""
    return json.dumps({"username": index.username, "password": index.password})


def store_token(rehearsal: Rehearsal, secret: str, text: str | None) -> None:
    """Have the secret of that name hold `text`, or be absent."""
    store_secret(rehearsal.aws.url, rehearsal.account.template.region, secret, text)


def with_index(rehearsal: Rehearsal, index: PackageIndex, repository: str = "") -> Rehearsal:
    """The same rehearsal with `index` in the place of a repository, by default of PyPI.

    Builds are led there by what twine and uv look at anyway.
    """
    indexes = " ".join(filter(None, [index.index_url, reach().get("UV_INDEX")]))
    variables = {"TWINE_REPOSITORY_URL": index.upload_url, "UV_INDEX": indexes}
    account = rehearsal.account
    led = replace(account, indexes={**account.indexes, repository: variables})
    if repository:
        return replace(rehearsal, account=led, staging=index)
    return replace(rehearsal, account=led, index=index)


def with_variables(rehearsal: Rehearsal, variables: Mapping[str, str]) -> Rehearsal:
    """The same rehearsal with more variables in its containers."""
    account = rehearsal.account
    return replace(
        rehearsal, account=replace(account, variables={**account.variables, **variables})
    )
