"""Sets a rehearsal up, and plays a release or a pull request in it.

What is played is what git has: a clone of HEAD, its cdk/ synthesized, its buildspec and sessions
run. Everything is in one scratch folder and on loopback, and ends with the `with` block.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import boto3
import requests
import uv
from packaging.version import Version

from ci.checkout.git import git
from ci.distributions.manifest import read_release
from ci.errors import UserError
from ci.package.project import read_project
from ci.package.pyproject import load, table
from ci.rehearsal import codecommit, codepipeline, eventbridge
from ci.rehearsal.account import Account
from ci.rehearsal.cloudformation import Template, read_assembly
from ci.rehearsal.container import laptop
from ci.rehearsal.iam import require
from ci.rehearsal.notifications import notifications
from ci.rehearsal.secretsmanager import Gate, secrets_gate
from ci.rehearsal.servers import AwsServer, IndexServer, PackageIndex, aws_server, index_server
from ci.rehearsal.stepfunctions import Ended

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ci.package.project import Project
    from ci.rehearsal.execution import Execution, Step
    from ci.rehearsal.notifications import Notification

RELEASE_SESSIONS = ("release", "publish", "verify")
PULL_REQUEST_SESSIONS = ("pr",)


@dataclass(frozen=True)
class Rehearsal:
    """All that a play needs. `checkout` is a clone whose origin is the account's repository."""

    checkout: Path
    account: Account
    gate: Gate
    aws: AwsServer
    server: IndexServer
    index: PackageIndex

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
    def token(self) -> dict[str, str]:
        """What the secret holds when all is well."""
        return {"username": self.index.username, "password": self.index.password}

    def _source(self, key: str) -> Any:  # noqa: ANN401 - JSON
        found = self.account.template.resources("AWS::CodePipeline::Pipeline").values()
        return next(iter(found))["Stages"][0]["Actions"][0]["Configuration"][key]


@contextmanager
def open_rehearsal(
    root: Path, folder: Path, announce: Callable[[Step], None] = lambda _: None
) -> Iterator[Rehearsal]:
    """Everything but the play, in `folder`: repository, template, index, secret and their door.

    Raises UserError for what keeps it from being set up.
    """
    with ExitStack() as stack:
        with ThreadPoolExecutor() as pool:
            aws = pool.submit(stack.enter_context, aws_server(folder / "servers"))
            server = pool.submit(stack.enter_context, index_server(folder / "servers"))
            checkout = clone(root, folder)
            template = synthesize(checkout / "cdk", folder / "cdk.out")
        gate = stack.enter_context(secrets_gate(template, aws.result().url))
        account = Account(
            template,
            folder,
            folder / "codecommit.git",
            credentials=gate.credentials,
            announce=announce,
        )
        rehearsal = Rehearsal(
            checkout,
            account,
            gate,
            aws.result(),
            server.result(),
            server.result().add_index("main"),
        )
        git(checkout, "push", "--quiet", "origin", f"HEAD:refs/heads/{rehearsal.branch}")
        store_secret(rehearsal, json.dumps(rehearsal.token))
        yield with_index(rehearsal, rehearsal.index)


def clone(root: Path, folder: Path) -> Path:
    """Clone HEAD of `root`, without its tags, with a bare repository in `folder` as its origin."""
    bare, checkout = folder / "codecommit.git", folder / "checkout"
    git(folder, "init", "--quiet", "--bare", str(bare))
    git(folder, "clone", "--quiet", "--no-tags", str(root), str(checkout))
    git(checkout, "checkout", "--quiet", "--detach", git(root, "rev-parse", "HEAD"))
    git(checkout, "remote", "set-url", "origin", str(bare))
    for key, value in (("user.name", "Rehearsal"), ("user.email", "rehearsal@example.com")):
        git(checkout, "config", key, value)
    for key in ("commit.gpgsign", "tag.gpgsign"):
        git(checkout, "config", key, "false")
    return checkout


def synthesize(cdk: Path, out: Path) -> Template:
    """What `cdk synth` makes of the app in `cdk`, told the same by the same variables.

    Raises UserError when it fails.
    """
    try:
        settings = json.loads((cdk / "cdk.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(
            "rehearsal-cdk", f"cdk/cdk.json: {error}", "there is no stack to play"
        ) from None
    user = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    here = str(Path(sys.executable).parent)
    done = subprocess.run(
        shlex.split(settings["app"]),
        cwd=cdk,
        env={
            **user,
            "PATH": f"{here}{os.pathsep}{os.environ['PATH']}",
            "CDK_OUTDIR": str(out),
            "CDK_CONTEXT_JSON": json.dumps(settings.get("context", {})),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        # The app's own two lines, else the end of a traceback.
        said = done.stderr.strip() or "it printed nothing"
        own = said.find("error[")
        last = said[own:] if own >= 0 else said.splitlines()[-1]
        raise UserError(
            "rehearsal-synth", f"the app in cdk/ fails: {last}", "try `nox -s cdk -- synth`"
        )
    return read_assembly(out)


def release_version(checkout: Path) -> str:
    """The version to release the package in `checkout` as: what it says, without `.dev1+gabc`.

    Raises UserError when its build backend does not say one.
    """
    said = table(load(checkout / "pyproject.toml"), "project").get("version")
    if said is None:
        locks = [f"--with-requirements=ci/locks/{name}.txt" for name in ("build", "backend")]
        command = [uv.find_uv_bin(), "run", "--quiet", "--no-project", "--python", sys.executable]
        done = subprocess.run(
            [*command, *locks, "python", "-I", "-B", "ci/run.py", "distributions.version"],
            cwd=checkout,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise UserError(
                "rehearsal-version",
                f"the build backend does not say the version: {' '.join(done.stderr.split())}",
                "see `nox -s wheel`",
            )
        said = done.stdout
    version = Version(said.strip())
    return version.base_version if version.is_devrelease or version.local else str(version)


def store_secret(rehearsal: Rehearsal, text: str | None) -> None:
    """Have the secret that the publisher looks for hold `text`, or be absent."""
    client = boto3.client(
        "secretsmanager",
        endpoint_url=rehearsal.aws.url,
        region_name=rehearsal.account.template.region,
        aws_access_key_id="rehearsal",
        aws_secret_access_key="rehearsal",  # noqa: S106 - the stand-in takes any
    )
    name = secret_id(rehearsal)
    with suppress(client.exceptions.ResourceNotFoundException):
        client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    if text is not None:
        client.create_secret(Name=name, SecretString=text)


def secret_id(rehearsal: Rehearsal) -> str:
    """The name of the secret, as the template gives it to the publisher."""
    for project in rehearsal.account.template.resources("AWS::CodeBuild::Project").values():
        for variable in project["Environment"].get("EnvironmentVariables", []):
            if variable["Name"] == "PYPI_SECRET_ID":
                return str(variable["Value"])
    raise UserError("rehearsal-secret", "no project has PYPI_SECRET_ID", "give it to the publisher")


def with_index(rehearsal: Rehearsal, index: PackageIndex) -> Rehearsal:
    """The same rehearsal with its builds led to `index` by what twine and uv look at anyway."""
    indexes = " ".join(filter(None, [index.index_url, laptop().get("UV_INDEX")]))
    variables = {"TWINE_REPOSITORY_URL": index.upload_url, "UV_INDEX": indexes}
    return with_variables(replace(rehearsal, index=index), variables)


def with_variables(rehearsal: Rehearsal, variables: Mapping[str, str]) -> Rehearsal:
    """The same rehearsal with more variables in its containers."""
    account = rehearsal.account
    return replace(
        rehearsal, account=replace(account, variables={**account.variables, **variables})
    )


def push_tag(rehearsal: Rehearsal, tag: str) -> str:
    """Tag the checkout's HEAD with an annotated tag and push it; the commit it stands for."""
    git(rehearsal.checkout, "tag", "--annotate", "--message", tag, tag)
    git(rehearsal.checkout, "push", "--quiet", "origin", f"refs/tags/{tag}")
    return git(rehearsal.checkout, "rev-parse", "HEAD")


def begin(rehearsal: Rehearsal, happened: Mapping[str, Any]) -> Execution:
    """The execution that an event starts.

    Raises UserError unless the event starts exactly one pipeline, and may.
    """
    template = rehearsal.account.template
    targets = eventbridge.matching_targets(template, dict(happened))
    if len(targets) != 1:
        raise UserError(
            "rehearsal-rule",
            f"{happened['detail']['event']} matches the rules of {len(targets)} targets, not one",
            "mend the event pattern in cdk/",
        )
    arn = targets[0]["Arn"]
    require(template, targets[0]["RoleArn"], "codepipeline:StartPipelineExecution", arn)
    return codepipeline.start(template, eventbridge.start_request(targets[0], dict(happened)))


def play_release(rehearsal: Rehearsal) -> Execution:
    """Tag the package's version, and play what the tag sets off; the execution, as it ended."""
    tag = rehearsal.tag
    commit = push_tag(rehearsal, tag)
    happened = eventbridge.tag_created(
        rehearsal.account.template, repository=rehearsal.repository, tag=tag, commit=commit
    )
    execution = begin(rehearsal, happened)
    given = {"SOURCE_COMMIT": commit, "RELEASE_TAG": tag}
    codepipeline.play(execution, expecting(rehearsal.account, given, RELEASE_SESSIONS))
    return execution


def play_pull_request(rehearsal: Rehearsal, name: str, commit: str) -> Execution:
    """Play what the event `name` of pull request 1 sets off; the execution, as it ended."""
    destination = codecommit.head(rehearsal.account.repository, rehearsal.branch)
    request = eventbridge.PullRequest(1, rehearsal.branch, commit, destination)
    happened = eventbridge.pull_request(
        rehearsal.account.template, name, repository=rehearsal.repository, request=request
    )
    execution = begin(rehearsal, happened)
    given = {"SOURCE_COMMIT": commit, "PULL_REQUEST_ID": "1"}
    codepipeline.play(execution, expecting(rehearsal.account, given, PULL_REQUEST_SESSIONS))
    return execution


def push_commit(rehearsal: Rehearsal, branch: str, message: str) -> str:
    """Commit what the checkout holds, changed or not, and push it to `branch`; the commit's id."""
    git(rehearsal.checkout, "add", "--all")
    git(rehearsal.checkout, "commit", "--quiet", "--allow-empty", "--message", message)
    git(rehearsal.checkout, "push", "--quiet", "--force", "origin", f"HEAD:refs/heads/{branch}")
    return git(rehearsal.checkout, "rev-parse", "HEAD")


def expecting(account: Account, given: Mapping[str, str], sessions: tuple[str, ...]) -> Account:
    """A account that stops a build which lacks those variables, or is not the session due."""
    due = iter(sessions)

    def announce(step: Step) -> None:
        if step.seconds is None:
            session = next(due, "none")
            wanted = {**given, "NOXSESSION": session}
            wrong = [name for name in wanted if step.environment.get(name) != wanted[name]]
            if wrong:
                raise UserError(
                    "rehearsal-expected",
                    "; ".join(
                        f"{name} is {step.environment.get(name)!r}, not {wanted[name]!r}"
                        for name in wrong
                    ),
                    f"mend the stage {step.stage} or the project {step.project} in cdk/",
                )
        account.announce(step)

    return replace(account, announce=announce)


def check_release(rehearsal: Rehearsal, execution: Execution) -> Mapping[str, str]:
    """What is on the index, name to sha256.

    Raises UserError unless every session was played, the index has what Build made, and nobody but
    the publisher asked for the secret.
    """
    _check_played(execution, RELEASE_SESSIONS)
    release = read_release(Path(str(execution.artifacts["dist"])))
    found = on_index(rehearsal)
    if found != release.files:
        raise UserError("rehearsal-index", f"the index has {found}", f"Build made {release.files}")
    publisher = next(step for step in execution.steps if step.session == "publish")
    _check_readers(rehearsal, {rehearsal.account.project(publisher.project)["ServiceRole"]})
    return found


def told(rehearsal: Rehearsal, execution: Execution) -> list[Notification]:
    """What is sent because the execution has ended; raises UserError for what can't be sent."""
    template = rehearsal.account.template
    state = "FAILED" if execution.failed else "SUCCEEDED"
    name = execution.pipeline["Name"]
    event = eventbridge.execution_ended(
        template, name, execution.identifier, state, "CloudWatchEvent"
    )
    return notifications(template, event, Ended(execution.variables["variables"]))


def comment_on(rehearsal: Rehearsal, execution: Execution) -> Notification:
    """The comment that the end of a validation leads to; raises UserError unless there is one."""
    found = [item for item in told(rehearsal, execution) if item.to.startswith("pull request")]
    if len(found) != 1:
        raise UserError(
            "rehearsal-comment",
            f"the validation's end leads to {len(found)} comments, not one",
            "correct the rule of the state machine in cdk/",
        )
    return found[0]


def check_pull_request(rehearsal: Rehearsal, execution: Execution) -> None:
    """Raise UserError unless the validation was played, left reports, and asked for no secret."""
    _check_played(execution, PULL_REQUEST_SESSIONS)
    _check_readers(rehearsal, set())


def _check_readers(rehearsal: Rehearsal, allowed: set[str]) -> None:
    """Raise UserError unless those roles, and no others, have asked for the secret."""
    readers = {request.role for request in rehearsal.gate.requests}
    if readers != allowed:
        raise UserError(
            "rehearsal-readers",
            f"{', '.join(sorted(readers)) or 'nobody'} asked for the secret",
            f"let {', '.join(allowed) or 'nobody'} ask for it",
        )


def _check_played(execution: Execution, sessions: tuple[str, ...]) -> None:
    """Raise UserError unless those sessions were played to the end, and left their reports."""
    stopped = execution.failed
    if stopped:
        raise UserError(
            "rehearsal-stopped",
            f"stopped in {stopped.stage}: {stopped.failure}",
            "mend what the log shows, commit, rehearse again",
        )
    played = tuple(step.session for step in execution.steps if step.session)
    if played != sessions:
        raise UserError(
            "rehearsal-sessions",
            f"the stages played {', '.join(played)}, not {', '.join(sessions)}",
            "mend the pipeline's stages in cdk/",
        )
    first = next(step.build for step in execution.steps if step.build)
    for group, paths in first.reports.items():
        if not paths:
            raise UserError(
                "rehearsal-reports", f"the report group {group} found no file", "mend buildspec.yml"
            )


def on_index(rehearsal: Rehearsal) -> Mapping[str, str]:
    """What the index serves of the package: name to the sha256 of the bytes that it gives out."""
    url = f"{rehearsal.index.index_url}{rehearsal.project.normalized_name}/"
    accept = {"Accept": "application/vnd.pypi.simple.v1+json"}
    page = requests.get(url, headers=accept, timeout=30)
    if page.status_code == requests.codes.not_found:
        return {}
    files = {item["filename"]: urljoin(url, item["url"]) for item in page.json()["files"]}
    return {
        name: hashlib.sha256(requests.get(place, timeout=30).content).hexdigest()
        for name, place in sorted(files.items())
    }
