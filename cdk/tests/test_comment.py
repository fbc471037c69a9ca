"""The comment under a pull request: the state machine's own expressions, really evaluated."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from botocore.validate import ParamValidator
from jsonata.jsonata import Jsonata  # type: ignore[import-untyped]

from tests.template import ACCOUNT, Synthesized, as_list, transform

if TYPE_CHECKING:
    from botocore.model import StructureShape

EXECUTION = "0b0b0b0b-1111-2222-3333-444444444444"
RESULT = {
    "PipelineExecution": {
        "PipelineExecutionId": EXECUTION,
        "Variables": [
            {"Name": "SOURCE_COMMIT", "ResolvedValue": "5e5e" * 10},
            {"Name": "DESTINATION_COMMIT", "ResolvedValue": "d0d0" * 10},
            {"Name": "PULL_REQUEST_ID", "ResolvedValue": "17"},
        ],
    }
}


def ended(state: str) -> dict[str, Any]:
    """The event of an execution's end, as CodePipeline publishes it."""
    return {
        "version": "0",
        "source": "aws.codepipeline",
        "account": ACCOUNT,
        "detail-type": "CodePipeline Pipeline Execution State Change",
        "detail": {
            "pipeline": "sample-package-pull-requests",
            "execution-id": EXECUTION,
            "state": state,
            "version": 1,
        },
    }


def evaluate(value: Any, bindings: dict[str, Any]) -> Any:  # noqa: ANN401 - it is any JSON
    """What Step Functions makes of a value: `{% … %}` is JSONata, all else itself."""
    match value:
        case str() if value.startswith("{%"):
            expression = Jsonata(value.removeprefix("{%").removesuffix("%}"))
            for name, bound in bindings.items():
                expression.assign(name, bound)
            return expression.evaluate(None)
        case dict():
            return {key: evaluate(item, bindings) for key, item in value.items()}
    return value


def definition(template: Synthesized) -> dict[str, Any]:
    (machine,) = template.all("AWS::StepFunctions::StateMachine").values()
    text: str = machine["DefinitionString"]
    for name, value in machine["DefinitionSubstitutions"].items():
        text = text.replace(f"${{{name}}}", value)
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def run(template: Synthesized, state: str) -> list[tuple[str, dict[str, Any]]]:
    """The calls that one execution's end leads to: what is called, and with what."""
    (target,) = template.all("AWS::Events::Rule")["pr-comment/outcome"]["Targets"]
    machine = definition(template)
    states: dict[str, Any] = {"input": transform(target, ended(state))}
    bindings: dict[str, Any] = {"states": states}
    calls = []
    step = machine["States"][machine["StartAt"]]
    while True:
        service, action = step["Resource"].split(":")[-2:]
        calls.append((f"{service}:{action}", evaluate(step["Arguments"], bindings)))
        if step.get("End"):
            return calls
        states["result"] = RESULT
        bindings |= evaluate(step["Assign"], bindings)
        states["input"] = evaluate(step["Output"], bindings)
        step = machine["States"][step["Next"]]


def input_of(service: str, operation: str) -> StructureShape:
    model = botocore.session.get_session().get_service_model(service)
    shape = model.operation_model(operation).input_shape
    assert shape is not None
    return shape


@pytest.mark.parametrize(("state", "word"), [("SUCCEEDED", "passed"), ("FAILED", "failed")])
def test_the_comment_says_how_it_ended_at_which_commit_and_where_the_log_is(
    plain: Synthesized, state: str, word: str
) -> None:
    (_, request), (call, comment) = run(plain, state)
    assert request == {
        "PipelineName": "sample-package-pull-requests",
        "PipelineExecutionId": EXECUTION,
    }
    assert call == "codecommit:postCommentForPullRequest"
    page = (
        "https://us-west-2.console.aws.amazon.com/codesuite/codepipeline/pipelines/"
        f"sample-package-pull-requests/executions/{EXECUTION}/timeline"
    )
    assert comment == {
        "PullRequestId": "17",
        "RepositoryName": "sample-package",
        "BeforeCommitId": "d0d0" * 10,
        "AfterCommitId": "5e5e" * 10,
        "Content": f"Validation **{word}** at {'5e5e' * 10} ([log]({page}))",
        "ClientRequestToken": f"{EXECUTION}-{state}",
    }


def test_aws_would_accept_both_calls(plain: Synthesized) -> None:
    (_, request), (_, comment) = run(plain, "FAILED")
    read = input_of("codepipeline", "GetPipelineExecution")
    # AWS's model has camelCase where Step Functions has PascalCase.
    camel = {key[0].lower() + key[1:]: value for key, value in request.items()}
    assert not ParamValidator().validate(camel, read).has_errors()
    write = input_of("codecommit", "PostCommentForPullRequest")
    camel = {key[0].lower() + key[1:]: value for key, value in comment.items()}
    assert not ParamValidator().validate(camel, write).has_errors()
    assert set(camel) <= set(write.members)


def test_the_comment_fits_however_long_an_id_may_get(plain: Synthesized) -> None:
    (_, _), (_, comment) = run(plain, "FAILED")
    assert len(comment["Content"]) < 1000


def test_a_failing_call_is_tried_again_and_a_failing_comment_is_told(plain: Synthesized) -> None:
    for step in definition(plain)["States"].values():
        (retry,) = step["Retry"]
        assert (retry["ErrorEquals"], retry["MaxAttempts"]) == (["States.ALL"], 3)
    rule = plain.all("AWS::Events::Rule")["notifications/no-comment"]
    assert rule["EventPattern"]["detail"]["stateMachineArn"] == ["<pr-comment>"]
    assert rule["Targets"][0]["Arn"] == "<notifications/topic>"


def test_only_the_end_of_a_validation_is_commented(plain: Synthesized) -> None:
    rule = plain.all("AWS::Events::Rule")["pr-comment/outcome"]
    assert rule["EventPattern"]["detail"] == {
        "pipeline": ["sample-package-pull-requests"],
        "state": ["SUCCEEDED", "FAILED"],
    }


def test_the_calls_are_those_that_the_role_allows(plain: Synthesized) -> None:
    allowed = {
        action.lower()
        for statement in plain.statements()["pr-comment/Role"]
        for action in as_list(statement["Action"])
        if not action.startswith("logs:")
    }
    assert {call.lower() for call, _ in run(plain, "FAILED")} == allowed
