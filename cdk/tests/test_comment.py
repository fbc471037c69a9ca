"""The comment under a pull request: the state machine's own expressions, evaluated."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from ci.rehearsal.eventbridge import execution_ended, matching_targets
from ci.rehearsal.notifications import notifications
from ci.rehearsal.stepfunctions import Call, calls

if TYPE_CHECKING:
    from ci.rehearsal.cloudformation import Template

EXECUTION = "0b0b0b0b-1111-2222-3333-444444444444"
VARIABLES = {
    "SOURCE_COMMIT": "5e5e" * 10,
    "DESTINATION_COMMIT": "d0d0" * 10,
    "PULL_REQUEST_ID": "17",
}
PAGE = (
    "https://us-west-2.console.aws.amazon.com/codesuite/codepipeline/pipelines/"
    f"sample-package-pull-requests/executions/{EXECUTION}/timeline"
)


def ended(
    template: Template,
    state: str,
    trigger: str = "CloudWatchEvent",
    pipeline: str = "pull-requests",
) -> dict[str, Any]:
    return execution_ended(template, f"sample-package-{pipeline}", EXECUTION, state, trigger)


def played(template: Template, state: str, variables: dict[str, str]) -> list[Call]:
    """What the state machine calls when an execution with these variables has ended."""
    event = ended(template, state)
    (target,) = matching_targets(template, event)
    return list(calls(template, target, event, variables))


@pytest.mark.parametrize(("state", "word"), [("SUCCEEDED", "passed"), ("FAILED", "failed")])
def test_the_comment_says_how_it_ended_at_which_commit_and_where_the_log_is(
    plain: Template, state: str, word: str
) -> None:
    read, comment = played(plain, state, VARIABLES)
    assert read == Call(
        "codepipeline",
        "getPipelineExecution",
        {"PipelineName": "sample-package-pull-requests", "PipelineExecutionId": EXECUTION},
    )
    assert comment == Call(
        "codecommit",
        "postCommentForPullRequest",
        {
            "PullRequestId": "17",
            "RepositoryName": "sample-package",
            "BeforeCommitId": "d0d0" * 10,
            "AfterCommitId": "5e5e" * 10,
            "Content": f"Validation **{word}** at {'5e5e' * 10} ([log]({PAGE}))",
            "ClientRequestToken": f"{EXECUTION}-{state}",
        },
    )


def test_the_comment_fits_however_long_an_id_may_get(plain: Template) -> None:
    _, comment = played(plain, "FAILED", VARIABLES)
    assert len(comment.arguments["Content"]) < 1000


@pytest.mark.parametrize("state", ["SUCCEEDED", "FAILED"])
def test_a_new_pipeline_s_own_first_execution_is_nobody_s_news(plain: Template, state: str) -> None:
    for pipeline in ("pull-requests", "releases"):
        event = ended(plain, state, "CreatePipeline", pipeline)
        assert notifications(plain, event, {}) == []


def test_a_failed_release_is_told_whether_or_not_the_event_says_what_started_it(
    plain: Template,
) -> None:
    event = ended(plain, "FAILED", pipeline="releases")
    told = notifications(plain, event, {})
    assert len(told) == 1
    assert f"releases/executions/{EXECUTION}/timeline" in told[0].text
    del event["detail"]["execution-trigger"]
    assert notifications(plain, event, {}) == told


def test_an_execution_without_a_pull_request_is_not_commented(plain: Template) -> None:
    assert [call.operation for call in played(plain, "FAILED", {})] == ["getPipelineExecution"]


def test_a_failing_call_is_tried_again_and_a_failing_comment_is_told(plain: Template) -> None:
    (machine,) = plain.resources("AWS::StepFunctions::StateMachine").values()
    tasks = [
        state
        for state in json.loads(machine["DefinitionString"])["States"].values()
        if state["Type"] == "Task"
    ]
    assert len(tasks) == 2
    for task in tasks:
        (retry,) = task["Retry"]
        assert (retry["ErrorEquals"], retry["MaxAttempts"]) == (["States.ALL"], 3)
    rule = plain.by_path("AWS::Events::Rule")["notifications/no-comment"]
    arn = "arn:aws:states:us-west-2:123456789012:stateMachine:sample-package-pr-comment"
    assert rule["EventPattern"]["detail"]["stateMachineArn"] == [arn]
    (topic,) = (plain.arn(name) for name in plain.resources("AWS::SNS::Topic"))
    assert rule["Targets"][0]["Arn"] == topic


def test_only_the_end_of_a_validation_is_commented(plain: Template) -> None:
    assert [
        len(matching_targets(plain, ended(plain, state))) for state in ("STARTED", "STOPPED")
    ] == [
        0,
        0,
    ]
    assert matching_targets(plain, ended(plain, "SUCCEEDED", pipeline="releases")) == []
