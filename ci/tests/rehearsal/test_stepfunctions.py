"""What a state machine calls, with its expressions really evaluated."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ci.errors import UserError
from ci.rehearsal.cloudformation import Template
from ci.rehearsal.eventbridge import execution_ended, matching_targets
from ci.rehearsal.stepfunctions import Call, Ended, calls
from ci.tests.rehearsal.toy import template

VARIABLES = {"SOURCE_COMMIT": "a" * 40, "PULL_REQUEST_ID": "7"}
EXECUTION = "00000000-0000-0000-0000-000000000000"


def called(document: dict[str, Any], pipeline: str = "Prs") -> list[Call]:
    toy = Template(document)
    event = execution_ended(toy, "Prs", EXECUTION, "FAILED", "CloudWatchEvent")
    (target,) = matching_targets(toy, event)
    event["detail"]["pipeline"] = pipeline
    return list(calls(toy, target, event, Ended(VARIABLES)))


def change_state(document: dict[str, Any], name: str, **parts: object) -> None:
    machine = document["Resources"]["Comment"]["Properties"]
    definition = json.loads(machine["DefinitionString"])
    definition["States"][name] |= parts
    machine["DefinitionString"] = json.dumps(definition)


def test_a_task_is_given_what_the_event_and_the_tasks_before_it_say() -> None:
    read, write = called(template())
    assert read.arguments == {"PipelineName": "Prs", "PipelineExecutionId": EXECUTION}
    assert (write.service, write.operation) == ("codecommit", "postCommentForPullRequest")
    assert write.arguments["PullRequestId"] == "7"
    assert write.arguments["Content"] == f"{'a' * 40} FAILED"


def test_a_missing_right_to_comment_is_named() -> None:
    document = template()
    document["Resources"]["CommentPolicy"]["Properties"]["PolicyDocument"]["Statement"].clear()
    with pytest.raises(UserError, match="CommentRole may not codepipeline:getPipelineExecution"):
        called(document)


def test_a_rule_without_the_right_to_start_the_machine_is_named() -> None:
    document = template()
    policy = document["Resources"]["CommentEventsPolicy"]["Properties"]["PolicyDocument"]
    policy["Statement"].clear()
    with pytest.raises(UserError, match="CommentEventsRole may not states:StartExecution"):
        called(document)


def test_a_comment_that_codecommit_refuses_is_refused() -> None:
    document = template()
    change_state(document, "Write", Arguments={"RepositoryName": "toy", "Content": 1})
    with pytest.raises(UserError, match="PostCommentForPullRequest refuses"):
        called(document)


def test_a_state_that_is_no_call_of_the_sdk_is_not_passed_over() -> None:
    document = template()
    change_state(document, "Write", Type="Wait")
    with pytest.raises(UserError, match="can't play the state Write"):
        called(document)


def test_an_expression_without_a_value_is_refused_as_step_functions_would() -> None:
    document = template()
    change_state(document, "Write", Arguments={"PullRequestId": "{% $states.input.nothing %}"})
    with pytest.raises(UserError, match="nothing %} has no value"):
        called(document)


def test_a_machine_that_asks_for_another_execution_is_named() -> None:
    with pytest.raises(UserError, match="rehearsal-execution"):
        called(template(), pipeline="Releases")


def replace_states(document: dict[str, Any], start: str, **states: dict[str, Any]) -> None:
    machine = document["Resources"]["Comment"]["Properties"]
    definition = json.loads(machine["DefinitionString"])
    definition |= {"StartAt": start, "States": {**definition["States"], **states}}
    machine["DefinitionString"] = json.dumps(definition)


@pytest.mark.parametrize(
    ("condition", "operations"), [("'7' = '7'", 2), ("'7' = '8'", 0), ("'7'", 0)]
)
def test_a_choice_takes_the_first_condition_that_holds(condition: str, operations: int) -> None:
    document = template()
    which = {
        "Type": "Choice",
        "Choices": [{"Condition": f"{{% {condition} %}}", "Next": "Read"}],
        "Default": "Done",
    }
    replace_states(document, "Which", Which=which, Done={"Type": "Succeed"})
    assert len(called(document)) == operations


LOG = ("/aws/codebuild/toy", "stream")
READ_LOG: dict[str, Any] = {
    "Type": "Task",
    "Resource": "arn:aws:states:::aws-sdk:cloudwatchlogs:filterLogEvents",
    "Arguments": """{% {
        'LogGroupName': '/aws/codebuild/toy',
        'LogStreamNames': ['str' & 'eam'],
        'FilterPattern': '?"error[" ?"help"',
        'Limit': 2,
        'NextToken': $next[0]
    } %}""",
    "Assign": {
        "pages": "{% [$pages, '(' & $join($states.result.Events.Message, ',') & ')'] %}",
        "next": "{% [$states.result.NextToken] %}",
    },
    "Output": "{% $states.input %}",
    "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Publish", "Assign": {"pages": ["none"]}}],
    "Next": "More",
}
MORE: dict[str, Any] = {
    "Type": "Choice",
    "Choices": [{"Condition": "{% $count($next) > 0 %}", "Next": "Look"}],
    "Default": "Publish",
}
PUBLISH: dict[str, Any] = {
    "Type": "Task",
    "Resource": "arn:aws:states:::aws-sdk:sns:publish",
    "Arguments": {
        "TopicArn": "arn:aws:sns:us-west-2:123456789012:Topic",
        "Message": "{% $join($pages) %}",
    },
    "End": True,
}


@pytest.mark.parametrize(
    ("logs", "message"),
    [
        ({LOG: ["error[a]: 1", "noise", "help: 2", "help: 3"]}, "()(error[a]: 1,help: 2)(help: 3)"),
        ({}, "none"),
    ],
)
def test_a_log_is_read_as_its_filter_says_after_an_empty_page_and_a_missing_log_is_caught(
    logs: dict[tuple[str, str], list[str]], message: str
) -> None:
    document = template()
    replace_states(document, "Look", Look=READ_LOG, More=MORE, Publish=PUBLISH)
    policy = document["Resources"]["CommentPolicy"]["Properties"]["PolicyDocument"]
    rights = {"Action": ["logs:FilterLogEvents", "sns:Publish"], "Resource": "*", "Effect": "Allow"}
    policy["Statement"].append(rights)
    toy = Template(document)
    event = execution_ended(toy, "Prs", EXECUTION, "FAILED", "CloudWatchEvent")
    (target,) = matching_targets(toy, event)
    *_, publish = calls(toy, target, event, Ended(VARIABLES, logs=logs))
    assert publish.arguments["Message"] == message


def test_what_a_nested_argument_is_called_is_checked_too() -> None:
    document = template()
    listing = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:codepipeline:listActionExecutions",
        "Arguments": {"PipelineName": "Prs", "Filter": {"Execution": "x"}},
        "End": True,
    }
    replace_states(document, "List", List=listing)
    policy = document["Resources"]["CommentPolicy"]["Properties"]["PolicyDocument"]
    policy["Statement"].append({"Action": "codepipeline:*", "Resource": "*", "Effect": "Allow"})
    with pytest.raises(UserError, match="ListActionExecutions refuses"):
        called(document)
