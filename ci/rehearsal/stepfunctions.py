"""What would be written under a pull request: the outcome's rule and its state machine, played.

The rules are those of the Step Functions guide's "Transforming data with JSONata": Arguments and
Output are JSON in which a string `{% … %}` is an expression, evaluated with $states.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import jsonata  # type: ignore[import-untyped]  # it has no stubs

from ci.errors import UserError
from ci.rehearsal import eventbridge
from ci.rehearsal.iam import require

if TYPE_CHECKING:
    from ci.rehearsal.cloudformation import Template
    from ci.rehearsal.execution import Execution

_AWS_SDK = "arn:aws:states:::aws-sdk:"


def comment_on(template: Template, execution: Execution) -> dict[str, Any]:
    """The PostCommentForPullRequest that the end of `execution` leads to.

    Raises UserError when no rule, or more than one, starts a state machine, when its role lacks a
    right, or when CodeCommit would refuse the request.
    """
    happened = _state_change(template, execution)
    machines = {
        template.arn(name): machine
        for name, machine in template.resources("AWS::StepFunctions::StateMachine").items()
    }
    targets = [
        target
        for target in eventbridge.matching_targets(template, happened)
        if target["Arn"] in machines
    ]
    if len(targets) != 1:
        raise UserError(
            "rehearsal-comment",
            f"{len(targets)} state machines hear of the pipeline's end, not one",
            "mend the rule in cdk/",
        )
    arn = targets[0]["Arn"]
    require(template, targets[0]["RoleArn"], "states:StartExecution", arn)
    given = json.loads(eventbridge.transformed(targets[0], happened))
    return _play(template, machines[arn], given, execution)


def _state_change(template: Template, execution: Execution) -> dict[str, Any]:
    """The event "CodePipeline Pipeline Execution State Change" at the execution's end."""
    name = execution.pipeline["Name"]
    return {
        "version": "0",
        "id": "01234567-EXAMPLE",
        "detail-type": "CodePipeline Pipeline Execution State Change",
        "source": "aws.codepipeline",
        "account": template.account,
        "time": "2026-01-01T00:00:00Z",
        "region": template.region,
        "resources": [f"arn:aws:codepipeline:{template.region}:{template.account}:{name}"],
        "detail": {
            "pipeline": name,
            "execution-id": execution.identifier,
            "state": "FAILED" if execution.failed else "SUCCEEDED",
            "version": 1,
        },
    }


def _play(
    template: Template, machine: dict[str, Any], given: dict[str, Any], execution: Execution
) -> dict[str, Any]:
    """Run the machine's tasks one after the other; the comment that one of them posts."""
    definition = _definition(machine)
    name, known, posted = definition["StartAt"], {"states": {"input": given}}, {}
    while name:
        state = definition["States"][name]
        if state["Type"] != "Task" or not state["Resource"].startswith(_AWS_SDK):
            raise UserError("rehearsal-state", f"the state {name} is not played", "use SDK tasks")
        arguments = _evaluated(state["Arguments"], known)
        service, operation = state["Resource"].removeprefix(_AWS_SDK).split(":")
        arn = _resource(template, service, arguments)
        require(template, machine["RoleArn"], f"{service}:{operation}", arn)
        eventbridge.check_request(service, operation[0].upper() + operation[1:], arguments)
        if operation == "postCommentForPullRequest":
            posted = arguments
        elif operation == "getPipelineExecution":
            known["states"]["result"] = _pipeline_execution(execution, arguments)
        assigned = _evaluated(state.get("Assign", {}), known)
        output = _evaluated(state.get("Output", "{% $states.result %}"), known)
        known = {**known, **assigned, "states": {"input": output}}
        name = state.get("Next")
    return posted


def _definition(machine: dict[str, Any]) -> dict[str, Any]:
    values = machine.get("DefinitionSubstitutions", {})
    text = re.sub(r"\$\{(\w+)\}", lambda match: values[match[1]], machine["DefinitionString"])
    definition: dict[str, Any] = json.loads(text)
    return definition


def _resource(template: Template, service: str, arguments: dict[str, Any]) -> str:
    name = arguments.get("PipelineName") or arguments.get("RepositoryName")
    return f"arn:aws:{service}:{template.region}:{template.account}:{name}"


def _pipeline_execution(execution: Execution, arguments: dict[str, Any]) -> dict[str, Any]:
    """The answer of GetPipelineExecution, in Step Functions' spelling."""
    wanted = (execution.pipeline["Name"], execution.identifier)
    if (arguments["PipelineName"], arguments["PipelineExecutionId"]) != wanted:
        raise UserError("rehearsal-execution", f"asked for {arguments}", f"ask for {wanted}")
    variables = execution.variables["variables"].items()
    return {
        "PipelineExecution": {
            "PipelineExecutionId": execution.identifier,
            "Variables": [{"Name": name, "ResolvedValue": value} for name, value in variables],
        }
    }


def _evaluated(value: Any, known: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    """`value` with its expressions replaced; `known` are the variables, `states` among them."""
    if isinstance(value, dict):
        return {key: _evaluated(item, known) for key, item in value.items()}
    if not isinstance(value, str) or not (value.startswith("{%") and value.endswith("%}")):
        return value
    expression = jsonata.Jsonata(value[2:-2].strip())
    frame = expression.create_frame()
    for name, item in known.items():
        frame.bind(name, item)
    return expression.evaluate(None, frame)
