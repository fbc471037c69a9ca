"""AWS Solutions' rules by cdk-nag, CloudFormation's by cfn-lint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App, Stack, Validations, aws_s3
from cdk_nag import AwsSolutionsChecks
from cfnlint.api import lint  # type: ignore[import-untyped]
from cfnlint.core import get_rules  # type: ignore[import-untyped]

from app import HERE, add_stack
from pipeline_stack import PipelineStack
from settings import read_settings
from tests.conftest import DEFAULTS, VARIATIONS

if TYPE_CHECKING:
    from ci.rehearsal.cloudformation import Template

PYPROJECT = HERE.parent / "pyproject.toml"
NAG = "AwsSolutions-"
PIPELINES_AND_MACHINES = ("pull-requests", "releases", "nights", "pr-comment", "announcement")


def found(app: App) -> set[tuple[str, str]]:
    """What cdk-nag objects to: where (a construct of the stack's, by its id), and what."""
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()
    report = json.loads(Path(app.outdir, "validation-report.json").read_text(encoding="utf-8"))
    return {
        (construct["constructPath"].split("/")[1], violation["ruleName"].removeprefix(NAG))
        for plugin in report["pluginReports"]
        for violation in plugin["violations"]
        for construct in violation["violatingConstructs"]
    }


def acknowledged(stack: Stack) -> dict[tuple[str, str], str]:
    """What the stack acknowledges: where and what, and for which reason."""
    return {
        (child.node.id, finding.removeprefix("AwsSolutions::").removeprefix(NAG)): reason
        for child in stack.node.children
        for entry in child.node.metadata
        if entry.type == Validations.ACKNOWLEDGED_RULES_METADATA_KEY
        for finding, reason in entry.data.items()
    }


def the_stack(app: App) -> Stack:
    (stack,) = (child for child in app.node.children if isinstance(child, Stack))
    return stack


@pytest.mark.parametrize("variation", ["plain", "shards", "full"])
def test_what_is_acknowledged_is_what_is_found_each_with_its_reason(
    tmp_path: Path, variation: str
) -> None:
    context = DEFAULTS | VARIATIONS[variation]
    bare = App(context=context, outdir=str(tmp_path / "bare"))
    PipelineStack(bare, read_settings(context, PYPROJECT))
    Validations.of(bare).add_plugins(AwsSolutionsChecks(bare))
    app = App(context=context, outdir=str(tmp_path / "app"))
    add_stack(app, PYPROJECT)
    reasons = acknowledged(the_stack(app))
    assert set(reasons) == found(bare)
    assert all(len(reason) > 20 for reason in reasons.values())


def test_a_finding_that_nobody_acknowledged_fails_the_synthesis(tmp_path: Path) -> None:
    app = App(context=DEFAULTS, outdir=str(tmp_path))
    add_stack(app, PYPROJECT)
    aws_s3.Bucket(the_stack(app), "careless")
    assert found(app) == {("careless", "S1"), ("careless", "S10")}


@pytest.fixture(scope="module")
def lint_rules() -> Any:  # noqa: ANN401 - cfn-lint has no types
    """The rules of cfn-lint's own default; reading them takes a third of the time."""
    return get_rules([], [], ["E", "W"])


def in_common(template: Template, plain: Template) -> set[str]:
    """The resources that another template than the plain one has just as that."""
    others = {} if template is plain else plain.document["Resources"]
    resources = template.document["Resources"]
    return {name for name, resource in resources.items() if others.get(name) == resource}


def test_cloudformation_lint_finds_only_what_cdk_itself_writes(
    template: Template,
    plain: Template,
    lint_rules: Any,  # noqa: ANN401 - as above
) -> None:
    seen = in_common(template, plain)
    # These were looked at in the plain template: here they are only what the others refer to.
    resources = {
        name: {"Type": resource["Type"]} if name in seen else resource
        for name, resource in template.document["Resources"].items()
    }
    matches = lint(json.dumps({**template.document, "Resources": resources}), rules=lint_rules)
    objections = {
        (match.rule.id, template.path(name))
        for match in matches
        if (name := str(match.path[1])) not in seen
    }
    if template.partition != "aws":  # cfn-lint takes no task for one whose ARN begins otherwise
        objections = {each for each in objections if each[0] != "E3601"}
    # CDK lets these wait for their role although they refer to it.
    constructs = {*PIPELINES_AND_MACHINES} & {*map(template.path, resources.keys() - seen)}
    assert objections == {("W3005", construct) for construct in constructs}
