"""What would be written under a pull request."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from ci.errors import UserError
from ci.rehearsal.cloudformation import Template
from ci.rehearsal.codepipeline import start
from ci.rehearsal.stepfunctions import comment_on
from ci.tests.rehearsal.toy import template

if TYPE_CHECKING:
    from ci.rehearsal.execution import Execution

VARIABLES = {"SOURCE_COMMIT": "a" * 40, "PULL_REQUEST_ID": "7"}


def execution(document: dict[str, Any]) -> Execution:
    variables = [{"name": name, "value": value} for name, value in VARIABLES.items()]
    return start(Template(document), {"name": "Prs", "variables": variables})


def written(document: dict[str, Any]) -> dict[str, Any]:
    return comment_on(Template(document), execution(document))


def change_state(document: dict[str, Any], name: str, **parts: object) -> None:
    machine = document["Resources"]["Comment"]["Properties"]
    definition = json.loads(machine["DefinitionString"])
    definition["States"][name] |= parts
    machine["DefinitionString"] = json.dumps(definition)


def test_the_comment_is_about_the_pull_request_and_commit_of_the_execution() -> None:
    comment = written(template())
    assert (comment["PullRequestId"], comment["AfterCommitId"]) == ("7", "a" * 40)


def test_a_rule_that_hears_of_another_pipeline_is_named() -> None:
    document = template()
    rule = document["Resources"]["CommentRule"]["Properties"]
    rule["EventPattern"]["detail"]["pipeline"] = ["another"]
    with pytest.raises(UserError, match="0 state machines hear of the pipeline's end"):
        written(document)


def test_a_missing_right_to_comment_is_named() -> None:
    document = template()
    document["Resources"]["CommentPolicy"]["Properties"]["PolicyDocument"]["Statement"].clear()
    with pytest.raises(UserError, match="CommentRole may not codepipeline:getPipelineExecution"):
        written(document)


def test_a_comment_that_codecommit_refuses_is_refused() -> None:
    document = template()
    change_state(document, "Write", Arguments={"RepositoryName": "toy", "Content": 1})
    with pytest.raises(UserError, match="PostCommentForPullRequest refuses it"):
        written(document)


def test_a_state_that_is_no_call_of_the_sdk_is_not_passed_over() -> None:
    document = template()
    change_state(document, "Write", Type="Wait")
    with pytest.raises(UserError, match="the state Write is not played"):
        written(document)


def test_a_machine_that_asks_for_another_execution_is_named() -> None:
    document = template()
    arguments = {
        "PipelineName": "Prs",
        "PipelineExecutionId": f"{0:08}-{0:04}-{0:04}-{0:04}-{0:012}",
    }
    change_state(document, "Read", Arguments=arguments)
    with pytest.raises(UserError, match="rehearsal-execution"):
        written(document)
