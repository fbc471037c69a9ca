"""What starts a pipeline, and with what: real events against what was synthesized."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ci.rehearsal.eventbridge import codecommit_event, matching_targets, start_request

if TYPE_CHECKING:
    from collections.abc import Callable

    from ci.rehearsal.cloudformation import Template

type Event = Callable[[Template], dict[str, Any]]

COMMIT, DESTINATION = "5e5e" * 10, "d0d0" * 10


def a_pull_request(
    kind: str = "pull-request-created", repository: str = "sample-package", **detail: object
) -> Event:
    """The event `kind` of an open pull request into main, with that `detail`."""
    usual = {
        "repositoryNames": [repository],
        "pullRequestId": "17",
        "destinationReference": "refs/heads/main",
        "sourceCommit": COMMIT,
        "destinationCommit": DESTINATION,
    }
    return lambda template: codecommit_event(template, kind, repository, **(usual | detail))


def a_tag(name: str = "v1.2.0", repository: str = "sample-package", **detail: object) -> Event:
    """The event of a new tag, with that `detail`."""
    usual = {
        "repositoryName": repository,
        "referenceName": name,
        "referenceFullName": f"refs/tags/{name}",
        "commitId": COMMIT,
    }
    return lambda template: codecommit_event(
        template, "tag-created", repository, **(usual | detail)
    )


def a_branch(**detail: object) -> Event:
    usual: dict[str, object] = {"referenceType": "branch", "referenceFullName": "refs/heads/v2"}
    return a_tag("v2", "sample-package", **(usual | detail))


def of_another_source(template: Template) -> dict[str, Any]:
    return a_pull_request()(template) | {"source": "sample.codecommit"}


def of_another_kind(template: Template) -> dict[str, Any]:
    return a_pull_request()(template) | {"detail-type": "CodeCommit Comment on Pull Request"}


def started_by(template: Template, event: Event) -> list[str]:
    """The ends of the names of the pipelines that the event starts."""
    return [
        target["Arn"].rpartition(":")[2] for target in matching_targets(template, event(template))
    ]


def started(template: Template, event: Event) -> dict[str, Any]:
    """The StartPipelineExecution that the event leads to; AWS's own model accepts it."""
    happened = event(template)
    (target,) = matching_targets(template, happened)
    return start_request(target, happened)


@pytest.mark.parametrize("kind", ["pull-request-created", "pull-request-source-branch-updated"])
def test_a_pull_request_is_validated_when_it_is_made_and_when_it_moves(
    plain: Template, kind: str
) -> None:
    assert started_by(plain, a_pull_request(kind)) == ["sample-package-pull-requests"]


@pytest.mark.parametrize("tag", ["v1.2.0", "v0.1", "v2.0.0rc1"])
def test_a_new_version_tag_is_released(plain: Template, tag: str) -> None:
    assert started_by(plain, a_tag(tag)) == ["sample-package-releases"]


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(a_pull_request(repository="elsewhere"), id="another repository"),
        pytest.param(a_pull_request(destinationReference="refs/heads/next"), id="another target"),
        pytest.param(a_pull_request(destinationReference="refs/heads/main2"), id="a longer name"),
        pytest.param(a_pull_request(isMerged="True"), id="merged"),
        pytest.param(a_pull_request(pullRequestStatus="Closed"), id="closed"),
        pytest.param(a_pull_request(event="pullRequestMergeStatusUpdated"), id="merging"),
        pytest.param(a_pull_request(event="pullRequestStatusChanged"), id="closing"),
        pytest.param(a_tag(repository="elsewhere"), id="another repository's tag"),
        pytest.param(a_tag("1.2.0"), id="a tag without its v"),
        pytest.param(a_tag("rev1"), id="a tag with its v elsewhere"),
        pytest.param(a_tag(event="referenceUpdated"), id="a moved tag"),
        pytest.param(a_tag(event="referenceDeleted"), id="a deleted tag"),
        pytest.param(a_branch(), id="a new branch that begins with v"),
        pytest.param(a_branch(event="referenceUpdated"), id="a push to a branch"),
        pytest.param(of_another_source, id="another source"),
        pytest.param(of_another_kind, id="another kind of event"),
    ],
)
def test_nothing_else_starts_anything(plain: Template, event: Event) -> None:
    assert started_by(plain, event) == []


def test_the_context_says_whose_events_count(full: Template) -> None:
    ours = {"destinationReference": "refs/heads/release/2.x"}
    event = a_pull_request(repository="some-repository", **ours)
    assert started_by(full, event) == ["other-package-pull-requests"]
    assert started_by(full, a_pull_request(**ours)) == []
    assert started_by(full, a_pull_request(repository="some-repository")) == []
    assert started_by(full, a_tag(repository="some-repository")) == ["other-package-releases"]


REQUESTS = [
    pytest.param(
        "pull-requests",
        a_pull_request(),
        {"SOURCE_COMMIT": COMMIT, "DESTINATION_COMMIT": DESTINATION, "PULL_REQUEST_ID": "17"},
        id="pull request",
    ),
    pytest.param("releases", a_tag(), {"SOURCE_COMMIT": COMMIT, "RELEASE_TAG": "v1.2.0"}, id="tag"),
]


@pytest.mark.parametrize(("pipeline", "event", "variables"), REQUESTS)
def test_the_pipeline_is_told_of_the_event_s_commit_and_of_nothing_else(
    plain: Template, pipeline: str, event: Event, variables: dict[str, str]
) -> None:
    assert started(plain, event) == {
        "name": f"sample-package-{pipeline}",
        "variables": [{"name": name, "value": value} for name, value in variables.items()],
    }
    declared = plain.by_path("AWS::CodePipeline::Pipeline")[pipeline]["Variables"]
    assert [variable["Name"] for variable in declared] == list(variables)


@pytest.mark.parametrize(
    "text", ['say "hello"', "two\nlines", "#{variables.SOURCE_COMMIT}", "<detail-sourceCommit>\\"]
)
def test_what_people_write_into_a_pull_request_changes_nothing(plain: Template, text: str) -> None:
    event = a_pull_request(title=text, description=text, notificationBody=text, author=text)
    assert started(plain, event) == started(plain, a_pull_request())


def test_no_event_is_lost_silently(template: Template) -> None:
    rules = template.by_path("AWS::Events::Rule")
    (queue,) = map(template.arn, template.resources("AWS::SQS::Queue"))
    for path, rule in rules.items():
        for target in rule["Targets"]:
            assert target["DeadLetterConfig"] == {"Arn": queue}, path
        if path.endswith("/trigger"):
            assert rule["Targets"][0]["RetryPolicy"] == {
                "MaximumEventAgeInSeconds": 7200,
                "MaximumRetryAttempts": 24,
            }
    senders = [
        statement["Condition"]["ArnEquals"]["aws:SourceArn"]
        for policy in template.by_path("AWS::SQS::QueuePolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ]
    assert set(senders) == set(map(template.arn, template.resources("AWS::Events::Rule")))
    (alarm,) = template.by_path("AWS::CloudWatch::Alarm").values()
    assert (alarm["Threshold"], alarm["EvaluationPeriods"]) == (1, 1)
    assert alarm["AlarmActions"] == [*map(template.arn, template.resources("AWS::SNS::Topic"))]


def test_two_packages_in_one_account_do_not_collide(
    synthesize: Callable[[str, str], Template], plain: Template
) -> None:
    other = synthesize("sample-package-two", "plain")
    assert not set(named(plain)) & set(named(other))
    assert started_by(other, a_tag()) == []


def named(template: Template) -> list[str]:
    """Every name that the template gives; CloudFormation makes the rest, and makes them unique."""
    keys = ("Name", "LogGroupName", "StateMachineName", "BucketName", "RoleName", "TopicName")
    kinds = {resource["Type"] for resource in template.document["Resources"].values()}
    return [
        properties[key]
        for kind in kinds
        for properties in template.resources(kind).values()
        for key in keys
        if isinstance(properties.get(key), str)
    ]


def test_the_clock_starts_the_nightly_pipeline_which_names_its_own_commit(
    synthesize: Callable[[str, str], Template],
) -> None:
    template = synthesize("sample-package", "nightly")
    rule = template.by_path("AWS::Events::Rule")["nights/trigger"]
    assert rule["ScheduleExpression"] == "cron(0 3 * * ? *)"
    (target,) = rule["Targets"]
    assert target["Arn"].endswith(":sample-package-nights")
    # With nothing to say, it says nothing: AWS refuses an empty list.
    assert not {"Input", "InputPath", "InputTransformer"} & set(target)
    assert "Variables" not in template.by_path("AWS::CodePipeline::Pipeline")["nights"]
