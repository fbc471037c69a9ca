"""From an event to a request, held to the published documents and botocore's model."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ci.errors import UserError
from ci.rehearsal import eventbridge
from ci.rehearsal.cloudformation import Template
from ci.tests.rehearsal.toy import add_nights, template

COMMIT, OTHER = "a" * 40, "b" * 40
TEMPLATE = Template(template())


def tag(name: str = "v1.0") -> dict[str, Any]:
    return eventbridge.tag_created(TEMPLATE, repository="toy", tag=name, commit=COMMIT)


def target(input_template: str, **paths: str) -> dict[str, Any]:
    transformer = {"InputPathsMap": paths, "InputTemplate": input_template}
    return {"Arn": "arn:aws:codepipeline:us-west-2:123456789012:Releases"} | {
        "InputTransformer": transformer
    }


def test_a_tag_starts_its_pipeline_at_its_commit() -> None:
    (found,) = eventbridge.matching_targets(TEMPLATE, tag())
    assert eventbridge.start_request(found, tag()) == {
        "name": "Releases",
        "variables": [
            {"name": "SOURCE_COMMIT", "value": COMMIT},
            {"name": "RELEASE_TAG", "value": "v1.0"},
        ],
    }


def test_a_tag_of_another_form_starts_nothing() -> None:
    assert eventbridge.matching_targets(TEMPLATE, tag("nightly")) == []


def test_a_disabled_rule_hears_nothing() -> None:
    document = template()
    document["Resources"]["ReleasesRule"]["Properties"]["State"] = "DISABLED"
    assert eventbridge.matching_targets(Template(document), tag()) == []


@pytest.mark.parametrize("name", ["pull-request-created", "pull-request-source-branch-updated"])
def test_a_pull_request_starts_its_pipeline_whatever_its_title_says(name: str) -> None:
    request = eventbridge.PullRequest(7, "main", COMMIT, OTHER)
    happened = eventbridge.pull_request(TEMPLATE, name, repository="toy", request=request)
    assert '"' in happened["detail"]["title"]
    (found,) = eventbridge.matching_targets(TEMPLATE, happened)
    started = eventbridge.start_request(found, happened)
    assert started["variables"][2] == {"name": "PULL_REQUEST_ID", "value": "7"}


def test_a_title_that_is_passed_on_breaks_the_start() -> None:
    request = eventbridge.PullRequest(7, "main", COMMIT, OTHER)
    happened = eventbridge.pull_request(
        TEMPLATE, "pull-request-created", repository="toy", request=request
    )
    with pytest.raises(UserError, match="is no JSON"):
        eventbridge.start_request(target('{"x": "<title>"}', title="$.detail.title"), happened)


def test_a_string_is_quoted_where_the_template_does_not() -> None:
    text = eventbridge.transformed(
        target('{"a": <x>, "b": "is <x>"}', x="$.detail.commitId"), tag()
    )
    assert json.loads(text) == {"a": COMMIT, "b": f"is {COMMIT}"}


def test_a_path_that_leads_nowhere_leaves_its_place_as_it_is() -> None:
    given = target('{"a": "<x>", "b": <x>}', x="$.detail.none.deeper")
    assert eventbridge.transformed(given, tag()) == '{"a": "<x>", "b": <x>}'


def test_a_target_without_transformer_gets_its_input_or_the_event() -> None:
    assert eventbridge.transformed({"Input": "{}"}, tag()) == "{}"
    assert json.loads(eventbridge.transformed({}, tag())) == tag()


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ('{"surprise": 1}', "Unknown parameter"),
        ('{"variables": [{"name": "A"}]}', "Missing required parameter"),
        ('{"variables": [{"name": "A B", "value": "x"}]}', "PipelineVariableName can't be 'A B'"),
        ('{"variables": [{"name": "A", "value": ""}]}', "Invalid length"),
        (
            json.dumps(
                {
                    "sourceRevisions": [
                        {"actionName": "S", "revisionType": "TAG", "revisionValue": "x"}
                    ]
                }
            ),
            "SourceRevisionType can't be 'TAG'",
        ),
    ],
)
def test_what_codepipeline_would_refuse_is_refused(given: str, why: str) -> None:
    with pytest.raises(UserError, match=why):
        eventbridge.start_request(target(given), tag())


def test_a_value_that_is_too_long_is_refused() -> None:
    given = json.dumps({"variables": [{"name": "A", "value": "x" * 1001}]})
    with pytest.raises(UserError, match="rehearsal-request"):
        eventbridge.start_request(target(given), tag())


def test_a_schedule_starts_its_pipeline_without_variables() -> None:
    document = template()
    add_nights(document)
    (found,) = eventbridge.scheduled_targets(Template(document))
    assert eventbridge.start_request(found, {}) == {"name": "Nights"}
    assert found not in eventbridge.matching_targets(Template(document), tag())
    document["Resources"]["NightsRule"]["Properties"]["State"] = "DISABLED"
    assert eventbridge.scheduled_targets(Template(document)) == []
