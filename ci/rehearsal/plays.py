"""The plays of a rehearsal: a release, a pull request, a new pipeline; and how each must end."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import requests

from ci.checkout.git import git
from ci.distributions.manifest import file_sha256, read_release
from ci.errors import UserError
from ci.rehearsal import codecommit, codepipeline, eventbridge
from ci.rehearsal.iam import require
from ci.rehearsal.notifications import notifications
from ci.rehearsal.stepfunctions import Ended

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ci.rehearsal.account import Account
    from ci.rehearsal.execution import Execution, Step
    from ci.rehearsal.notifications import Notification
    from ci.rehearsal.rehearsal import Rehearsal
    from ci.rehearsal.servers import PackageIndex

# The sessions of a release, those together that run at the same time. Staging precedes publishing.
_PUBLISHING = [{"publish"}, {"verify"}]
_RELEASE = [{"release", "build"}, *_PUBLISHING]
_RELEASES = (_RELEASE, [*_RELEASE, *_PUBLISHING])
_RELEASE_SESSIONS = re.compile("release|build|publish|verify")
# All of a validation, or its parts.
_VALIDATIONS = ({"pr"}, {"checks", "tests", "coverage"})
_VALIDATION_SESSIONS = re.compile(r"pr|checks|tests|coverage|tests_all-3\.\d+")
_NIGHTLY_SESSIONS = re.compile("nightly")


# --- what sets a play off ------------------------------------------------------------------------


def push_commit(rehearsal: Rehearsal, branch: str, message: str) -> str:
    """Commit what the checkout holds, changed or not, and push it to `branch`; the commit's id."""
    git(rehearsal.checkout, "add", "--all")
    git(rehearsal.checkout, "commit", "--quiet", "--allow-empty", "--message", message)
    git(rehearsal.checkout, "push", "--quiet", "--force", "origin", f"HEAD:refs/heads/{branch}")
    return git(rehearsal.checkout, "rev-parse", "HEAD")


def push_tag(rehearsal: Rehearsal, tag: str) -> str:
    """Tag the checkout's HEAD with an annotated tag and push it; what the tag's event calls it."""
    git(rehearsal.checkout, "tag", "--annotate", "--message", tag, tag)
    git(rehearsal.checkout, "push", "--quiet", "origin", f"refs/tags/{tag}")
    is_object = rehearsal.account.answers.event_commit == "the tag object"
    return git(rehearsal.checkout, "rev-parse", f"refs/tags/{tag}" if is_object else "HEAD")


def begin(rehearsal: Rehearsal, event: dict[str, Any]) -> Execution:
    """The execution that an event starts.

    Raises UserError unless the event starts exactly one pipeline, and may.
    """
    template = rehearsal.account.template
    targets = eventbridge.matching_targets(template, event)
    if len(targets) != 1:
        raise UserError(
            "rehearsal-rule",
            f"{event['detail']['event']} matches the rules of {len(targets)} targets, not one",
            "correct the event pattern in cdk/",
        )
    arn = targets[0]["Arn"]
    require(template, targets[0]["RoleArn"], "codepipeline:StartPipelineExecution", arn)
    return codepipeline.start(template, eventbridge.start_request(targets[0], event))


# --- the plays -----------------------------------------------------------------------------------


def play_release(rehearsal: Rehearsal, tag: str = "") -> Execution:
    """Tag the checkout's HEAD (with the package's version), and play what that sets off."""
    tag = tag or rehearsal.tag
    return play_tag(rehearsal, tag, push_tag(rehearsal, tag))


def play_tag(rehearsal: Rehearsal, tag: str, commit: str) -> Execution:
    """Play what the event of that tag sets off; `commit` is what the event has."""
    execution = begin(rehearsal, tag_event(rehearsal, tag, commit))
    given = {"SOURCE_COMMIT": commit, "RELEASE_TAG": tag, "RELEASE_BRANCH": rehearsal.branch}
    codepipeline.play(execution, expecting(rehearsal.account, given, _RELEASE_SESSIONS))
    return execution


def tag_event(rehearsal: Rehearsal, tag: str, commit: str) -> dict[str, Any]:
    """The event of that tag in the rehearsal's repository."""
    return eventbridge.tag_created(
        rehearsal.account.template, repository=rehearsal.repository, tag=tag, commit=commit
    )


def play_pull_request(rehearsal: Rehearsal, name: str, commit: str) -> Execution:
    """Play what the event `name` of pull request 1 sets off; the execution, as it ended."""
    destination = codecommit.head(rehearsal.account.repository, rehearsal.branch)
    request = eventbridge.PullRequest(1, rehearsal.branch, commit, destination)
    event = eventbridge.pull_request(
        rehearsal.account.template, name, repository=rehearsal.repository, request=request
    )
    execution = begin(rehearsal, event)
    given = {
        "SOURCE_COMMIT": commit,
        "PULL_REQUEST_ID": "1",
        "DESTINATION_COMMIT": destination,
    }
    codepipeline.play(execution, expecting(rehearsal.account, given, _VALIDATION_SESSIONS))
    return execution


def play_night(rehearsal: Rehearsal) -> Execution:
    """Play what the clock sets off; raises UserError where that is not one pipeline."""
    template = rehearsal.account.template
    targets = eventbridge.scheduled_targets(template)
    if len(targets) != 1:
        raise UserError(
            "rehearsal-nightly",
            f"the stack has {len(targets)} schedules, not one",
            "set nightly in cdk/cdk.json",
        )
    require(
        template, targets[0]["RoleArn"], "codepipeline:StartPipelineExecution", targets[0]["Arn"]
    )
    execution = codepipeline.start(template, eventbridge.start_request(targets[0], {}))
    head = codecommit.head(rehearsal.account.repository, rehearsal.branch)
    account = expecting(rehearsal.account, {"SOURCE_COMMIT": head}, _NIGHTLY_SESSIONS)
    codepipeline.play(execution, account)
    return execution


def play_creations(rehearsal: Rehearsal) -> list[Execution]:
    """Play what CodePipeline starts by itself when the stack is deployed for the first time.

    A pipeline without variables does then what it always does, and is not played. Raises UserError
    when a session of another one runs, or anybody is told of any.
    """
    pipelines = rehearsal.account.template.resources("AWS::CodePipeline::Pipeline").values()
    executions = [codepipeline.start_on_creation(pipeline) for pipeline in pipelines]
    unheard = replace(
        rehearsal.account, announce=lambda _: None
    )  # that they fail is as it should be
    for execution in executions:
        if execution.pipeline.get("Variables"):
            codepipeline.play(execution, unheard)
        ran = [step.name for step in execution.steps if step.build and "build" in step.build.phases]
        sent = told(rehearsal, execution)
        if ran or sent:
            raise UserError(
                "rehearsal-creation",
                f"the first run of the new pipeline {execution.pipeline['Name']} "
                + (f"runs {', '.join(ran)}" if ran else f"tells {sent[0].to}"),
                "leave CreatePipeline out of the rules in cdk/, and give no variable a default",
            )
    return executions


def expecting(account: Account, given: Mapping[str, str], sessions: re.Pattern[str]) -> Account:
    """An account that stops a build which lacks those variables, or runs another session."""

    def announce(step: Step) -> None:
        found = step.environment
        if step.seconds is None:
            wrong = [
                f"{name} is {found.get(name)!r}, not {value!r}"
                for name, value in given.items()
                if found.get(name) != value
            ]
            if not sessions.fullmatch(step.session):
                wrong.append(f"NOXSESSION is {step.session!r}, not {sessions.pattern}")
            if wrong:
                raise UserError(
                    "rehearsal-expected",
                    "; ".join(wrong),
                    f"correct the action {step.name} or the project {step.project} in cdk/",
                )
        account.announce(step)

    return replace(account, announce=announce)


# --- how they must end ---------------------------------------------------------------------------


def check_release(rehearsal: Rehearsal, execution: Execution) -> Mapping[str, str]:
    """What is on the index, name to sha256.

    Raises UserError unless every session was played, the index (and staging's) has what Build made,
    Publish was told both digests of it, and only those who publish asked for a secret.
    """
    _check_ended(execution)
    sessions = [step for step in execution.steps if step.session]
    played = [
        {step.session for step in steps}
        for _, steps in groupby(sessions, key=lambda step: (step.stage, step.order))
    ]
    if played not in _RELEASES:
        raise _other_sessions(_in_words(played), _in_words(_RELEASE))
    dist = Path(str(execution.artifacts["dist"]))
    release = read_release(dist)
    for index in filter(None, [rehearsal.index, rehearsal.staging]):
        found = on_index(rehearsal, index)
        if found != release.files:
            raise UserError(
                "rehearsal-index", f"{index.index_url} has {found}", f"Build made {release.files}"
            )
    publishers = [step for step in sessions if step.session == "publish"]
    digest = file_sha256(dist / "SHA256SUMS")
    for step in publishers:
        _check_digests(step, digest)
    roles = {rehearsal.account.project(step.project)["ServiceRole"] for step in publishers}
    _check_readers(rehearsal, roles)
    return release.files


def _check_digests(step: Step, digest: str) -> None:
    for name in ("CHECK_DIST_SHA256", "BUILD_DIST_SHA256"):
        if step.environment.get(name) != digest:
            raise UserError(
                "rehearsal-digests",
                f"{step.name} has {name}={step.environment.get(name)}, not {digest}",
                "export DIST_SHA256 in the buildspec, and hand both on in cdk/",
            )


def check_pull_request(rehearsal: Rehearsal, execution: Execution) -> None:
    """Raise UserError unless the validation was played, left reports, and asked for no secret."""
    _check_ended(execution)
    played = {step.session for step in execution.steps}
    if not any(parts <= played for parts in _VALIDATIONS):
        raise _other_sessions(", ".join(sorted(played)), "pr")
    _check_readers(rehearsal, set())


def check_night(rehearsal: Rehearsal, execution: Execution) -> None:
    """Raise UserError unless the nightly run was green, and asked for no secret."""
    for step in execution.failed:
        raise _stopped(step)
    _check_readers(rehearsal, set())


def _check_readers(rehearsal: Rehearsal, allowed: set[str]) -> None:
    """Raise UserError unless those roles, and no others, have asked for the secret."""
    readers = {request.role for request in rehearsal.secrets.requests}
    if readers != allowed:
        raise UserError(
            "rehearsal-readers",
            f"{', '.join(sorted(readers)) or 'nobody'} asked for the secret",
            f"let {', '.join(allowed) or 'nobody'} ask for it",
        )


def _check_ended(execution: Execution) -> None:
    """Raise UserError unless every action went well, and one left reports."""
    for step in execution.failed:
        raise _stopped(step)
    if not any(step.build and step.build.reports for step in execution.steps):
        raise UserError(
            "rehearsal-reports", "no build has reports", "name them in buildspec.yml and cdk/"
        )


def _stopped(step: Step) -> UserError:
    return UserError(
        "rehearsal-stopped",
        f"{step.name} failed in {step.failure}",
        "correct what its output shows, commit, rehearse again",
    )


def _other_sessions(played: str, wanted: str) -> UserError:
    return UserError(
        "rehearsal-sessions",
        f"the stages ran {played}, not {wanted}",
        "correct the pipeline's stages in cdk/",
    )


def _in_words(sessions: Sequence[set[str]]) -> str:
    return ", ".join(" and ".join(sorted(together)) for together in sessions)


# --- what others see of them ---------------------------------------------------------------------


def told(rehearsal: Rehearsal, execution: Execution) -> list[Notification]:
    """What is sent because the execution has ended; raises UserError for what can't be sent."""
    template = rehearsal.account.template
    state = "FAILED" if execution.failed else "SUCCEEDED"
    name = execution.pipeline["Name"]
    event = eventbridge.execution_ended(
        template, name, execution.identifier, state, execution.trigger
    )
    return notifications(template, event, _known(execution))


def _known(execution: Execution) -> Ended:
    """What AWS knows of an execution that has ended."""
    builds = {
        step.environment["CODEBUILD_BUILD_ID"]: step
        for step in execution.steps
        if step.build and step.log
    }
    actions = [
        {
            "ActionName": step.action,
            "Status": "Failed" if step.failure else "Succeeded",
            "Output": {
                "ExecutionResult": {
                    "ExternalExecutionId": step.environment.get("CODEBUILD_BUILD_ID", "")
                },
                "OutputVariables": step.build.exported if step.build else {},
            },
        }
        for step in reversed(execution.steps)
    ]
    logs = {
        (f"/aws/codebuild/{step.project}", build.partition(":")[2]): lines(step.log)
        for build, step in builds.items()
    }
    return Ended(execution.variables["variables"], actions, logs)


def lines(log: Path | None) -> list[str]:
    """The lines of a build's log, each with its end."""
    if log is None:
        return []
    return log.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)


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


def on_index(rehearsal: Rehearsal, index: PackageIndex | None = None) -> Mapping[str, str]:
    """What an index serves of the package: name to the sha256 of the bytes that it gives out.

    It is the rehearsal's own, unless another is given.
    """
    url = f"{(index or rehearsal.index).index_url}{rehearsal.project.normalized_name}/"
    accept = {"Accept": "application/vnd.pypi.simple.v1+json"}
    page = requests.get(url, headers=accept, timeout=30)
    if page.status_code == requests.codes.not_found:
        return {}
    files = {item["filename"]: urljoin(url, item["url"]) for item in page.json()["files"]}
    return {
        name: hashlib.sha256(requests.get(place, timeout=30).content).hexdigest()
        for name, place in sorted(files.items())
    }
