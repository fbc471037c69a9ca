"""How an execution ended, what others see of it, and what it must come to."""

from __future__ import annotations

import hashlib
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import requests

from ci.distributions.manifest import file_sha256, read_release
from ci.errors import UserError
from ci.rehearsal import eventbridge
from ci.rehearsal.notifications import notifications
from ci.rehearsal.stepfunctions import Ended

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ci.rehearsal.execution import Execution, Step
    from ci.rehearsal.notifications import Notification
    from ci.rehearsal.rehearsal import Rehearsal
    from ci.rehearsal.servers import PackageIndex

# The sessions of a release, those together that run at the same time. Staging precedes publishing.
_PUBLISHING = [{"publish"}, {"verify"}]
_RELEASE = [{"release", "build"}, *_PUBLISHING]
_RELEASES = (_RELEASE, [*_RELEASE, *_PUBLISHING])
# All of a validation, or its parts.
_VALIDATIONS = ({"pr"}, {"checks", "tests", "coverage"})


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
    """What AWS knows of an execution that has ended.

    Its actions are listed from the first: AWS says nothing of their order.
    """
    builds = {
        step.environment["CODEBUILD_BUILD_ID"]: step
        for step in execution.steps
        if step.build and step.log
    }
    actions = [
        {
            "ActionName": step.action,
            "StartTime": f"2026-01-01T00:{number:02}:00Z",
            "Status": "Failed" if step.failure else "Succeeded",
            "Output": {
                "ExecutionResult": {
                    "ExternalExecutionId": step.environment.get("CODEBUILD_BUILD_ID", "")
                },
                "OutputVariables": step.build.exported if step.build else {},
            },
        }
        for number, step in enumerate(execution.steps)
    ]
    logs = {
        (f"/aws/codebuild/{step.project}", build.partition(":")[2]): _lines(step.log)
        for build, step in builds.items()
    }
    return Ended(execution.variables["variables"], actions, logs)


def _lines(log: Path | None) -> list[str]:
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
            f"the end of the validation makes {len(found)} comments, not one",
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
                "rehearsal-index",
                f"{index.index_url} has {found}",
                f"read Publish's output: Build made {release.files}",
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
                "export DIST_SHA256 in buildspec.yml, and pass both values to Publish in cdk/",
            )


def check_pull_request(rehearsal: Rehearsal, execution: Execution) -> None:
    """Raise UserError unless a validation went well: with reports, a comment, and no secret."""
    _check_ended(execution)
    played = {step.session for step in execution.steps}
    if not any(parts <= played for parts in _VALIDATIONS):
        raise _other_sessions(", ".join(sorted(played)), "pr")
    _check_readers(rehearsal, set())
    comment_on(rehearsal, execution)


def check_night(rehearsal: Rehearsal, execution: Execution) -> None:
    """Raise UserError unless the nightly run was green, and asked for no secret."""
    for step in execution.failed:
        raise _stopped(step)
    _check_readers(rehearsal, set())


def _check_readers(rehearsal: Rehearsal, allowed: set[str]) -> None:
    """Raise UserError unless those roles, and no others, have asked for the secret."""
    asked = {(each.role, each.action, each.resource) for each in rehearsal.secrets.requests}
    if {role for role, *_ in asked} != allowed:
        raise UserError(
            "rehearsal-readers",
            "; ".join(" ".join(each) for each in sorted(asked)) or "nobody asked for the secret",
            f"correct cdk/: expected {', '.join(allowed) or 'nobody'}",
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
        "fix the error in its output, commit, then rehearse again",
    )


def _other_sessions(played: str, wanted: str) -> UserError:
    return UserError(
        "rehearsal-sessions",
        f"the stages ran {played}, not {wanted}",
        "correct the pipeline's stages in cdk/",
    )


def _in_words(sessions: Sequence[set[str]]) -> str:
    return ", ".join(" and ".join(sorted(together)) for together in sessions)
