"""What people are told: the state machines' own expressions, evaluated."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App, Environment, Stack

from ci.rehearsal.eventbridge import execution_ended, matching_targets
from ci.rehearsal.notifications import Notification, notifications
from ci.rehearsal.stepfunctions import Call, Ended, calls
from commit_pipeline import console
from tests.conftest import DEFAULTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from ci.rehearsal.cloudformation import Template

EXECUTION = "0b0b0b0b-1111-2222-3333-444444444444"
COMMIT = "5e5e" * 10
PULL_REQUEST = {
    "SOURCE_COMMIT": COMMIT,
    "DESTINATION_COMMIT": "d0d0" * 10,
    "PULL_REQUEST_ID": "17",
}
RELEASE = {"SOURCE_COMMIT": COMMIT, "RELEASE_TAG": "v1.2.0"}
TOPIC, CHAT = "notifications/topic", "notifications/chat"


def page(pipeline: str) -> str:
    pipelines = "https://us-west-2.console.aws.amazon.com/codesuite/codepipeline/pipelines"
    return f"{pipelines}/sample-package-{pipeline}/executions/{EXECUTION}/timeline"


def ended(
    template: Template, pipeline: str, state: str, trigger: str = "CloudWatchEvent"
) -> dict[str, Any]:
    return execution_ended(template, f"sample-package-{pipeline}", EXECUTION, state, trigger)


def action(name: str, status: str, build: str = "", **variables: str) -> dict[str, Any]:
    """One of ListActionExecutions' details, as far as it is looked at."""
    result = {"ExternalExecutionId": build} if build else {}
    return {
        "ActionName": name,
        "Status": status,
        "Output": {"ExecutionResult": result, "OutputVariables": variables},
    }


FILES = "aa11  a-1.2.0-py3-none-any.whl;bb22  a-1.2.0.tar.gz;"
BUILT = action("Build", "Succeeded", DIST_SHA256="cc33", DIST_FILES=FILES)


def told(template: Template, pipeline: str, state: str, outcome: Ended) -> dict[str, Notification]:
    """The messages, by whom they go to."""
    found = notifications(template, ended(template, pipeline, state), outcome)
    return {notification.to: notification for notification in found}


# --- the comment under a pull request ------------------------------------------------------------


def commented(template: Template, state: str, outcome: Ended) -> list[Call]:
    """What the state machine calls when a validation has ended."""
    return called(template, ended(template, "pull-requests", state), outcome)


def called(template: Template, event: dict[str, Any], outcome: Ended) -> list[Call]:
    """What the state machine calls that the event starts."""
    (target,) = matching_targets(template, event)
    return list(calls(template, target, event, outcome))


# The newest first: Validate failed twice, and the other two went well at the second try.
RETRIED = [
    action("Validate", "Failed"),
    action("Python-3.9", "Succeeded"),
    action("Python-3.10", "Succeeded"),
    action("Python-3.9", "Failed"),
    action("Python-3.10", "Failed"),
    action("Validate", "Failed"),
]
REPAIRED = [action("Validate", "Succeeded"), *RETRIED]


@pytest.mark.parametrize(
    ("state", "actions", "outcome"),
    [
        ("SUCCEEDED", REPAIRED, f"**passed** at {COMMIT}"),
        ("FAILED", RETRIED, f"**failed** at {COMMIT}: Validate"),
        ("FAILED", RETRIED[-2:], f"**failed** at {COMMIT}: Python-3.10 Validate"),
        ("STOPPED", REPAIRED, f"**was stopped** at {COMMIT}"),
        ("CANCELED", REPAIRED, f"**was cancelled** at {COMMIT}"),
    ],
)
def test_the_comment_says_how_it_ended_at_which_commit_what_failed_and_where_the_log_is(
    plain: Template, state: str, actions: list[dict[str, Any]], outcome: str
) -> None:
    event = ended(plain, "pull-requests", state)
    read, listed, comment = called(plain, event, Ended(PULL_REQUEST, actions))
    name = {"PipelineName": "sample-package-pull-requests"}
    assert read.arguments == name | {"PipelineExecutionId": EXECUTION}
    assert listed.arguments == name | {"Filter": {"PipelineExecutionId": EXECUTION}}
    assert (comment.service, comment.operation) == ("codecommit", "postCommentForPullRequest")
    assert comment.arguments == {
        "PullRequestId": "17",
        "RepositoryName": "sample-package",
        "BeforeCommitId": "d0d0" * 10,
        "AfterCommitId": COMMIT,
        "Content": f"Validation {outcome} ([log]({page('pull-requests')}))",
        "ClientRequestToken": event["id"],
    }


def in_time(newest_first: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same details, each with its time, the oldest first."""
    return [
        {**each, "StartTime": f"2026-11-27T08:{minute:02}:00.1Z"}
        for minute, each in enumerate(reversed(newest_first))
    ]


@pytest.mark.parametrize("order", [1, -1])
def test_the_last_try_of_an_action_counts_in_whichever_order_aws_lists_them(
    plain: Template, order: int
) -> None:
    *_, comment = commented(plain, "FAILED", Ended(PULL_REQUEST, in_time(RETRIED)[::order]))
    assert f"at {COMMIT}: Validate ([log]" in comment.arguments["Content"]
    repaired = [action("Check", "Succeeded"), BUILT, *FAILED, action("Check", "Failed")]
    failed = told(plain, "releases", "FAILED", Ended(RELEASE, in_time(repaired)[::order]))
    assert failed[TOPIC].text.startswith("sample-package v1.2.0: the release failed in Publish\n")


def test_a_stage_that_fails_again_is_commented_again_and_an_event_that_comes_twice_is_not(
    plain: Template,
) -> None:
    first, second = (ended(plain, "pull-requests", "FAILED") for _ in range(2))
    tokens = [
        called(plain, event, Ended(PULL_REQUEST))[-1].arguments["ClientRequestToken"]
        for event in (first, first, second)
    ]
    assert tokens[0] == tokens[1] != tokens[2]


def test_a_validation_that_failed_without_an_action_is_commented_too(plain: Template) -> None:
    *_, comment = commented(plain, "FAILED", Ended(PULL_REQUEST))
    assert f"**failed** at {COMMIT} ([log]" in comment.arguments["Content"]


def test_the_comment_fits_however_many_builds_fail(plain: Template) -> None:
    many = [action(f"Python-3.{minor}-{shard}", "Failed") for minor in range(8) for shard in "1234"]
    *_, comment = commented(plain, "FAILED", Ended(PULL_REQUEST, many))
    assert len(comment.arguments["Content"]) < 1000


def test_an_execution_without_a_pull_request_is_not_commented(plain: Template) -> None:
    assert [call.operation for call in commented(plain, "FAILED", Ended({}))] == [
        "getPipelineExecution"
    ]


def test_only_the_end_of_an_execution_is_told_and_a_newer_one_s_advance_is_no_end(
    full: Template,
) -> None:
    for pipeline in ("pull-requests", "releases", "nights"):
        for state in ("STARTED", "RESUMED", "STOPPING", "SUPERSEDED"):
            name = f"other-package-{pipeline}"
            event = execution_ended(full, name, EXECUTION, state, "CloudWatchEvent")
            assert matching_targets(full, event) == []


# --- the message about a release -----------------------------------------------------------------

LOG = ("/aws/codebuild/sample-package-publish", "0c0c")
FAILED = [action("Publish", "Failed", "sample-package-publish:0c0c"), BUILT]
SAID = ["error[index-differs]: a-1.2.0 is there\n", "uploading\n", "help: release a new one\n"]


def test_a_failed_release_is_told_with_its_version_its_commit_and_the_build_s_errors(
    plain: Template,
) -> None:
    found = told(plain, "releases", "FAILED", Ended(RELEASE, FAILED, {LOG: SAID}))
    assert set(found) == {TOPIC}
    assert found[TOPIC].text == (
        "sample-package v1.2.0: the release failed in Publish\n\n"
        f"commit {COMMIT}\n"
        "error[index-differs]: a-1.2.0 is there\nhelp: release a new one\n\n"
        f"{page('releases')}\n"
    )


@pytest.mark.parametrize(
    ("actions", "where"),
    [
        (FAILED, "Publish"),  # of a build whose log can't be read
        ([action("Source", "Failed")], "Source"),
        ([], "its start"),
    ],
)
def test_a_failure_without_a_log_is_told_all_the_same(
    plain: Template, actions: list[dict[str, Any]], where: str
) -> None:
    found = told(plain, "releases", "FAILED", Ended(RELEASE, actions))
    assert found[TOPIC].text == (
        f"sample-package v1.2.0: the release failed in {where}\n\n"
        f"commit {COMMIT}\n{page('releases')}\n"
    )


def test_two_builds_that_fail_are_both_quoted_and_one_without_a_log_is_passed_over(
    plain: Template,
) -> None:
    names = {"Build": "build", "Check": "release", "Publish": "publish"}
    actions = [
        action(name, "Failed", f"sample-package-{project}:0c0c") for name, project in names.items()
    ]
    logs = {
        (f"/aws/codebuild/sample-package-{project}", "0c0c"): [f"error[x]: in {project}\n"]
        for project in ("release", "publish")
    }
    found = told(plain, "releases", "FAILED", Ended(RELEASE, actions, logs))
    assert found[TOPIC].text == (
        "sample-package v1.2.0: the release failed in Build Check Publish\n\n"
        f"commit {COMMIT}\nerror[x]: in release\nerror[x]: in publish\n\n{page('releases')}\n"
    )


@pytest.mark.parametrize(
    ("line", "tokens", "quoted"),
    [
        ("error[x]: a fault\n", [None, "0"], 50),
        ("[Container] Running printf 'error[x]'\n", [None, "0", "50"], 0),
    ],
)
def test_a_log_is_read_page_by_page_until_there_is_an_error(
    plain: Template, line: str, tokens: list[str | None], quoted: int
) -> None:
    event = ended(plain, "releases", "FAILED")
    _, _, *reads, mail = called(plain, event, Ended(RELEASE, FAILED, {LOG: [line] * 60}))
    assert [read.arguments.get("NextToken") for read in reads] == tokens
    assert mail.arguments["Message"].count("error[x]") == quoted


def test_a_build_that_a_retry_repaired_has_not_failed(plain: Template) -> None:
    actions = [
        action("Verify", "Failed", "sample-package-verify:0d0d"),
        action("Publish", "Succeeded", "sample-package-publish:0e0e"),
        *FAILED,
    ]
    logs = {LOG: SAID, ("/aws/codebuild/sample-package-verify", "0d0d"): ["error[x]: in verify\n"]}
    found = told(plain, "releases", "FAILED", Ended(RELEASE, actions, logs))
    assert found[TOPIC].text == (
        "sample-package v1.2.0: the release failed in Verify\n\n"
        f"commit {COMMIT}\nerror[x]: in verify\n\n{page('releases')}\n"
    )


@pytest.mark.parametrize(
    ("state", "outcome"), [("STOPPED", "was stopped"), ("CANCELED", "was cancelled")]
)
def test_a_release_or_a_night_that_was_stopped_or_cancelled_is_told(
    synthesize: Callable[[str, str], Template], state: str, outcome: str
) -> None:
    template = synthesize("sample-package", "nightly")
    release = told(template, "releases", state, Ended(RELEASE, [BUILT]))[TOPIC].text
    night = told(template, "nights", state, Ended({}))[TOPIC].text
    assert release.startswith(f"sample-package v1.2.0: the release {outcome}\n\ncommit {COMMIT}\n")
    assert night == f"sample-package: the nightly run {outcome}\n\n{page('nights')}\n"


def test_a_failure_is_told_whether_or_not_the_event_says_what_started_it(plain: Template) -> None:
    event = ended(plain, "releases", "FAILED")
    del event["detail"]["execution-trigger"]
    assert len(notifications(plain, event, Ended(RELEASE))) == 1


@pytest.mark.parametrize("state", ["SUCCEEDED", "FAILED", "STOPPED", "CANCELED"])
def test_a_new_pipeline_s_own_first_execution_is_nobody_s_news(full: Template, state: str) -> None:
    for pipeline in ("pull-requests", "releases", "nights"):
        name = f"other-package-{pipeline}"
        event = execution_ended(full, name, EXECUTION, state, "CreatePipeline")
        assert matching_targets(full, event) == []


@pytest.mark.parametrize(
    "other",
    [
        {"source": "sample.codepipeline"},
        {"detail-type": "CodePipeline Stage Execution State Change"},
    ],
)
def test_a_stage_s_end_is_no_execution_s_end_and_nobody_else_tells_of_one(
    full: Template, other: dict[str, str]
) -> None:
    for pipeline in ("pull-requests", "releases", "nights"):
        name = f"other-package-{pipeline}"
        event = execution_ended(full, name, EXECUTION, "FAILED", "CloudWatchEvent")
        assert len(matching_targets(full, event)) == 1
        assert matching_targets(full, event | other) == []


def test_a_release_is_told_to_nobody_where_nobody_listens(plain: Template) -> None:
    assert told(plain, "releases", "SUCCEEDED", Ended(RELEASE, [BUILT])) == {}


RELEASED = f"commit {COMMIT}\naa11  a-1.2.0-py3-none-any.whl\nbb22  a-1.2.0.tar.gz\n"


def test_a_release_is_mailed_with_version_commit_files_and_their_sha256(
    synthesize: Callable[[str, str], Template],
) -> None:
    template = synthesize("sample-package", "notification-email")
    found = told(template, "releases", "SUCCEEDED", Ended(RELEASE, [BUILT]))
    text = f"sample-package v1.2.0 is released\n\n{RELEASED}{page('releases')}\n"
    assert found == {TOPIC: Notification(TOPIC, text)}


def test_a_chat_gets_the_same_in_the_form_that_it_can_show(
    synthesize: Callable[[str, str], Template],
) -> None:
    template = synthesize("sample-package", "slack-channel")
    for state, actions, title in (
        ("SUCCEEDED", [BUILT], "sample-package v1.2.0 is released"),
        ("FAILED", FAILED, "sample-package v1.2.0: the release failed in Publish"),
    ):
        found = told(template, "releases", state, Ended(RELEASE, actions, {LOG: SAID}))
        assert set(found) == {TOPIC, CHAT}
        message = json.loads(found[CHAT].text)
        assert message == {
            "version": "1.0",
            "source": "custom",
            "content": {
                "textType": "client-markdown",
                "title": title,
                "description": found[TOPIC].text.partition("\n\n")[2].rstrip("\n"),
            },
        }


def machine_ended(machine: str, status: str) -> dict[str, Any]:
    """The event of the end of a state machine's execution."""
    machines = "arn:aws:states:us-west-2:123456789012:stateMachine"
    return {
        "source": "aws.states",
        "detail-type": "Step Functions Execution Status Change",
        "detail": {"stateMachineArn": f"{machines}:sample-package-{machine}", "status": status},
    }


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT"])
def test_a_missing_message_is_told_in_both_forms(
    synthesize: Callable[[str, str], Template], status: str
) -> None:
    template = synthesize("sample-package", "slack-channel")
    for machine in ("pr-comment", "announcement"):
        event = machine_ended(machine, status)
        mail, chat = notifications(template, event, Ended({}))
        assert (mail.to, chat.to) == (TOPIC, CHAT)
        content = json.loads(chat.text)["content"]
        assert mail.text.strip('"') == f"{content['title']}. {content['description']}"


@pytest.mark.parametrize(
    "other",
    [{"source": "sample.states"}, {"detail-type": "another"}, machine_ended("other", "FAILED")],
)
def test_only_a_state_machine_of_the_stack_can_miss_a_message(
    plain: Template, other: dict[str, Any]
) -> None:
    for machine in ("pr-comment", "announcement"):
        assert matching_targets(plain, machine_ended(machine, "SUCCEEDED")) == []
        assert matching_targets(plain, machine_ended(machine, "FAILED") | other) == []


def test_a_long_message_is_cut_to_what_mail_and_chat_can_show(
    synthesize: Callable[[str, str], Template],
) -> None:
    template = synthesize("sample-package", "slack-channel")
    many = [action("x" * 90, "Failed", "sample-package-publish:0c0c")]
    outcome = Ended(RELEASE, many, {LOG: [f"error[{number}]: {'y' * 200}" for number in range(99)]})
    *_, mail, chat = called(template, ended(template, "releases", "FAILED"), outcome)
    assert len(mail.arguments["Subject"]) == 99  # SNS takes fewer than 100
    assert len(json.loads(chat.arguments["Message"])["content"]["description"]) == 2500


# --- the nightly run -----------------------------------------------------------------------------


def test_a_nightly_run_is_told_only_when_it_fails_with_what_changed(
    synthesize: Callable[[str, str], Template],
) -> None:
    template = synthesize("sample-package", "nightly")
    assert told(template, "nights", "SUCCEEDED", Ended({})) == {}
    log = ("/aws/codebuild/sample-package-nightly", "0d0d")
    said = ["error[nightly]: a session failed. Changed since the last successful night: a 1 -> 2\n"]
    actions = [action("Nightly", "Failed", "sample-package-nightly:0d0d")]
    found = told(template, "nights", "FAILED", Ended({}, actions, {log: said}))
    assert found[TOPIC].text == (
        f"sample-package: the nightly run failed in Nightly\n\n{said[0]}\n{page('nights')}\n"
    )


# --- both ----------------------------------------------------------------------------------------


def test_in_another_partition_the_calls_are_of_that_one(
    synthesize: Callable[[str, str], Template],
) -> None:
    template = synthesize("sample-package", "fewer-in-china")
    assert "arn:aws:" not in json.dumps(template.document)
    mail = told(template, "releases", "FAILED", Ended(RELEASE, FAILED, {LOG: SAID}))[TOPIC]
    *_, comment = commented(template, "FAILED", Ended(PULL_REQUEST))
    for text in (mail.text, comment.arguments["Content"]):
        assert "https://cn-north-1.console.amazonaws.cn/codesuite/codepipeline/pipelines/" in text


@pytest.mark.parametrize(
    ("region", "address"),
    [
        ("eu-central-1", "https://eu-central-1.console.aws.amazon.com"),
        ("cn-north-1", "https://cn-north-1.console.amazonaws.cn"),
        ("us-gov-west-1", "https://us-gov-west-1.console.amazonaws-us-gov.com"),
    ],
)
def test_a_link_leads_to_the_console_of_the_regions_partition(region: str, address: str) -> None:
    app = App(context=DEFAULTS)
    assert console(Stack(app, "stack", env=Environment(region=region))) == address


def test_a_failing_call_is_tried_again(full: Template) -> None:
    for machine in full.resources("AWS::StepFunctions::StateMachine").values():
        states = json.loads(machine["DefinitionString"])["States"].values()
        tasks = [state for state in states if state["Type"] == "Task"]
        assert len(tasks) > 2
        for task in tasks:
            (retry,) = task["Retry"]
            assert (retry["ErrorEquals"], retry["MaxAttempts"]) == (["States.ALL"], 3)


def test_a_chat_can_show_and_do_nothing_else(synthesize: Callable[[str, str], Template]) -> None:
    template = synthesize("sample-package", "slack-channel")
    (channel,) = template.resources("AWS::Chatbot::SlackChannelConfiguration").values()
    assert (channel["SlackWorkspaceId"], channel["SlackChannelId"]) == ("T0123ABCD", "C0123ABCD")
    assert channel["ConfigurationName"] == "sample-package-T0123ABCD"
    assert channel["GuardrailPolicies"] == ["arn:aws:iam::aws:policy/AWSDenyAll"]
    assert channel["SnsTopicArns"] == [f"arn:aws:sns:us-west-2:123456789012:{CHAT}"]
