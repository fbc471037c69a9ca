"""What starts a pipeline, and with what: real events against what was synthesized."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import botocore.session
import pytest
from botocore.validate import ParamValidator
from moto.events.models import EventPattern

from tests.template import ACCOUNT, Synthesized, transform

if TYPE_CHECKING:
    from collections.abc import Callable

EVENTS = Path(__file__).parent / "events"
COMMIT, DESTINATION = "5e5e" * 10, "d0d0" * 10


def an_event(kind: str, repository: str, **detail: object) -> dict[str, Any]:
    """The document that AWS publishes for `kind`, as if it had come from `repository`."""
    event: dict[str, Any] = json.loads((EVENTS / f"{kind}.json").read_text(encoding="utf-8"))
    arn = f"arn:aws:codecommit:us-west-2:{ACCOUNT}:{repository}"
    event |= {"account": ACCOUNT, "region": "us-west-2", "resources": [arn]}
    if "pullRequestId" in event["detail"]:
        commits = {"sourceCommit": COMMIT, "destinationCommit": DESTINATION}
        event["detail"] |= {"repositoryNames": [repository]} | commits
    else:
        tag = {"referenceName": "v1.2.0", "referenceFullName": "refs/tags/v1.2.0"}
        event["detail"] |= {"repositoryName": repository, "commitId": COMMIT} | tag
    event["detail"] |= detail
    return event


def a_pull_request(**detail: object) -> dict[str, Any]:
    return an_event("pull-request-created", "sample-package", **detail)


def a_tag(name: str = "v1.2.0", **detail: object) -> dict[str, Any]:
    names = {"referenceName": name, "referenceFullName": f"refs/tags/{name}"}
    return an_event("tag-created", "sample-package", **names | detail)


def a_branch(**detail: object) -> dict[str, Any]:
    names = {"referenceName": "v2", "referenceFullName": "refs/heads/v2", "referenceType": "branch"}
    return an_event("tag-created", "sample-package", **names | detail)


def started_by(template: Synthesized, event: dict[str, Any]) -> list[str]:
    """The pipelines, by path, that the event starts."""
    rules = template.all("AWS::Events::Rule")
    return [
        path.removesuffix("/trigger")
        for path, rule in rules.items()
        if EventPattern.load(json.dumps(rule["EventPattern"])).matches_event(cast("Any", event))
    ]


def start_request(template: Synthesized, pipeline: str, event: dict[str, Any]) -> dict[str, Any]:
    """The StartPipelineExecution that EventBridge sends, in the names of AWS's own model."""
    (target,) = template.all("AWS::Events::Rule")[f"{pipeline}/trigger"]["Targets"]
    name = template.all("AWS::CodePipeline::Pipeline")[pipeline]["Name"]
    request: dict[str, Any] = {"name": name, **transform(target, event)}
    return request


@pytest.mark.parametrize("kind", ["pull-request-created", "pull-request-source-branch-updated"])
def test_a_pull_request_is_validated_when_it_is_made_and_when_it_moves(
    plain: Synthesized, kind: str
) -> None:
    assert started_by(plain, an_event(kind, "sample-package")) == ["pull-requests"]


@pytest.mark.parametrize("tag", ["v1.2.0", "v0.1", "v2.0.0rc1"])
def test_a_new_version_tag_is_released(plain: Synthesized, tag: str) -> None:
    assert started_by(plain, a_tag(tag)) == ["releases"]


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(an_event("pull-request-created", "elsewhere"), id="another repository"),
        pytest.param(a_pull_request(destinationReference="refs/heads/next"), id="another target"),
        pytest.param(a_pull_request(destinationReference="refs/heads/main2"), id="a longer name"),
        pytest.param(a_pull_request(isMerged="True"), id="merged"),
        pytest.param(a_pull_request(pullRequestStatus="Closed"), id="closed"),
        pytest.param(a_pull_request(event="pullRequestMergeStatusUpdated"), id="merging"),
        pytest.param(a_pull_request(event="pullRequestStatusChanged"), id="closing"),
        pytest.param(an_event("tag-created", "elsewhere"), id="another repository's tag"),
        pytest.param(a_tag("1.2.0"), id="a tag without its v"),
        pytest.param(a_tag("rev1"), id="a tag with its v elsewhere"),
        pytest.param(a_tag(event="referenceUpdated"), id="a moved tag"),
        pytest.param(a_tag(event="referenceDeleted"), id="a deleted tag"),
        pytest.param(a_branch(), id="a new branch that begins with v"),
        pytest.param(a_branch(event="referenceUpdated"), id="a push to a branch"),
        pytest.param(a_pull_request() | {"source": "sample.codecommit"}, id="another source"),
    ],
)
def test_nothing_else_starts_anything(plain: Synthesized, event: dict[str, Any]) -> None:
    assert started_by(plain, event) == []


def test_the_context_says_whose_events_count(full: Synthesized) -> None:
    ours = {"destinationReference": "refs/heads/release/2.x"}
    event = an_event("pull-request-created", "some-repository", **ours)
    assert started_by(full, event) == ["pull-requests"]
    assert started_by(full, a_pull_request(**ours)) == []
    assert started_by(full, an_event("pull-request-created", "some-repository")) == []
    assert started_by(full, an_event("tag-created", "some-repository")) == ["releases"]


REQUESTS = [
    pytest.param(
        "pull-requests",
        a_pull_request(),
        {"SOURCE_COMMIT": COMMIT, "DESTINATION_COMMIT": DESTINATION, "PULL_REQUEST_ID": "1"},
        id="pull request",
    ),
    pytest.param("releases", a_tag(), {"SOURCE_COMMIT": COMMIT, "RELEASE_TAG": "v1.2.0"}, id="tag"),
]


@pytest.mark.parametrize(("pipeline", "event", "variables"), REQUESTS)
def test_the_pipeline_starts_at_the_commit_of_the_event(
    plain: Synthesized, pipeline: str, event: dict[str, Any], variables: dict[str, str]
) -> None:
    request = start_request(plain, pipeline, event)
    assert request == {
        "name": f"sample-package-{pipeline}",
        "sourceRevisions": [
            {"actionName": "Source", "revisionType": "COMMIT_ID", "revisionValue": COMMIT}
        ],
        "variables": [{"name": name, "value": value} for name, value in variables.items()],
    }


@pytest.mark.parametrize(("pipeline", "event", "variables"), REQUESTS)
def test_aws_would_accept_the_start(
    plain: Synthesized, pipeline: str, event: dict[str, Any], variables: dict[str, str]
) -> None:
    model = botocore.session.get_session().get_service_model("codepipeline")
    shape = model.operation_model("StartPipelineExecution").input_shape
    assert shape is not None
    request = start_request(plain, pipeline, event)
    assert not ParamValidator().validate(request, shape).has_errors()
    assert ParamValidator().validate(request | {"variables": variables}, shape).has_errors()
    declared = plain.all("AWS::CodePipeline::Pipeline")[pipeline]["Variables"]
    assert [variable["name"] for variable in request["variables"]] == [
        variable["Name"] for variable in declared
    ]


@pytest.mark.parametrize(
    "text", ['say "hello"', "two\nlines", "#{variables.SOURCE_COMMIT}", "<detail-sourceCommit>\\"]
)
def test_what_people_write_into_a_pull_request_changes_nothing(
    plain: Synthesized, text: str
) -> None:
    event = a_pull_request(title=text, description=text, notificationBody=text, author=text)
    assert started_by(plain, event) == ["pull-requests"]
    assert start_request(plain, "pull-requests", event) == start_request(
        plain, "pull-requests", a_pull_request()
    )


def test_the_action_that_the_override_names_is_there(plain: Synthesized) -> None:
    for pipeline in plain.all("AWS::CodePipeline::Pipeline").values():
        (source,) = pipeline["Stages"][0]["Actions"]
        assert source["Name"] == "Source"
        assert source["ActionTypeId"]["Provider"] == "CodeCommit"


@pytest.mark.parametrize("variation", ["plain", "full"])
def test_no_event_is_lost_silently(request: pytest.FixtureRequest, variation: str) -> None:
    template: Synthesized = request.getfixturevalue(variation)
    for path, rule in template.all("AWS::Events::Rule").items():
        (target,) = rule["Targets"]
        assert target["DeadLetterConfig"] == {"Arn": "<notifications/undelivered>"}, path
        if path.endswith("/trigger"):
            assert target["RetryPolicy"] == {
                "MaximumEventAgeInSeconds": 7200,
                "MaximumRetryAttempts": 24,
            }
    senders = [
        statement["Condition"]["ArnEquals"]["aws:SourceArn"].strip("<>")
        for policy in template.all("AWS::SQS::QueuePolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ]
    assert sorted(senders) == sorted(template.all("AWS::Events::Rule"))
    (alarm,) = template.all("AWS::CloudWatch::Alarm").values()
    assert alarm["Threshold"] == 1
    assert alarm["AlarmActions"] == ["<notifications/topic>"]


def test_two_packages_in_one_account_do_not_collide(
    synthesize: Callable[..., Synthesized], plain: Synthesized
) -> None:
    other = synthesize("sample-package-two")
    assert not set(named(plain)) & set(named(other))
    assert started_by(other, a_tag()) == []


def named(template: Synthesized) -> list[str]:
    """Every name that the template gives; CloudFormation makes the rest, and makes them unique."""
    keys = ("Name", "LogGroupName", "StateMachineName", "BucketName", "RoleName", "TopicName")
    return [
        properties[key]
        for kind in {resource["Type"] for resource in template.body["Resources"].values()}
        for properties in template.all(kind).values()
        for key in keys
        if isinstance(properties.get(key), str)
    ]
