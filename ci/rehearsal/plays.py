"""The plays of a rehearsal: what sets a pipeline off, and what it then does."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ci.checkout.git import git
from ci.errors import UserError
from ci.rehearsal import codecommit, codepipeline, eventbridge
from ci.rehearsal.iam import require
from ci.rehearsal.outcome import told

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.rehearsal.account import Account
    from ci.rehearsal.execution import Execution, Step
    from ci.rehearsal.rehearsal import Rehearsal

# The sessions that each kind of pipeline may run.
_RELEASE_SESSIONS = re.compile("release|build|publish|verify")
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
            f"{event['detail']['event']} matches rules with {len(targets)} targets, not one",
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
