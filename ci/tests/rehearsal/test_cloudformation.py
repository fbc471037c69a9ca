"""References resolved, and what a role may do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from ci.errors import UserError
from ci.rehearsal.cloudformation import Template, read_assembly
from ci.rehearsal.iam import may
from ci.tests.rehearsal.toy import manifest

if TYPE_CHECKING:
    from pathlib import Path

RESOURCES = {
    "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": {"Fn::Sub": "b-${Where}"}}},
    "Machine": {"Type": "AWS::StepFunctions::StateMachine"},
    "Queue": {"Type": "AWS::SQS::Queue"},
    "Project": {"Type": "AWS::CodeBuild::Project", "Properties": {"Name": "p"}},
}
TEMPLATE = Template(
    {"Parameters": {"Where": {"Default": "here"}, "Open": {}}, "Resources": RESOURCES}
)


@pytest.mark.parametrize(
    ("value", "resolved"),
    [
        ({"Ref": "AWS::Region"}, "us-west-2"),
        ({"Ref": "AWS::NoValue"}, None),
        ({"Ref": "Where"}, "here"),
        ({"Ref": "Open"}, "Open"),
        ({"Ref": "Bucket"}, "b-here"),
        ({"Ref": "Machine"}, "arn:aws:states:us-west-2:123456789012:stateMachine:Machine"),
        ({"Fn::GetAtt": ["Bucket", "Arn"]}, "arn:aws:s3:::b-here"),
        ({"Fn::GetAtt": ["Queue", "Arn"]}, "arn:aws:sqs:us-west-2:123456789012:Queue"),
        ({"Fn::GetAtt": ["Queue", "QueueName"]}, "Queue.QueueName"),
        ({"Fn::Join": ["/", ["a", {"Ref": "Project"}, {"Ref": "AWS::NoValue"}]]}, "a/p"),
        ({"Fn::Sub": "${Project} at ${Bucket.Arn}"}, "p at arn:aws:s3:::b-here"),
        ({"Fn::Sub": ["${x}-${AWS::AccountId}", {"x": {"Ref": "Where"}}]}, "here-123456789012"),
        ({"Fn::Select": ["1", {"Fn::Split": [",", "a,b"]}]}, "b"),
        ({"deep": [{"Ref": "Where"}, 1, True]}, {"deep": ["here", 1, True]}),
    ],
)
def test_a_reference_is_what_it_would_be_once_deployed(value: object, resolved: object) -> None:
    assert TEMPLATE.resolve(value) == resolved


@pytest.mark.parametrize("value", [{"Ref": "Nobody"}, {"Fn::ImportValue": "x"}])
def test_a_reference_that_is_not_understood_is_named(value: object) -> None:
    with pytest.raises(UserError, match="rehearsal-template"):
        TEMPLATE.resolve(value)


def test_an_assembly_of_no_stack_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"artifacts": {}}')
    with pytest.raises(UserError, match="synthesizes 0 stacks"):
        read_assembly(tmp_path)


def test_a_stack_without_region_is_deployed_in_the_default_one(tmp_path: Path) -> None:
    document = manifest()
    document["artifacts"]["stack"]["environment"] = "aws://unknown-account/unknown-region"
    (tmp_path / "manifest.json").write_text(json.dumps(document))
    (tmp_path / "toy.template.json").write_text('{"Resources": {}}')
    assert read_assembly(tmp_path).region == "us-west-2"


ROLE = "arn:aws:iam::123456789012:role/R"
SECRET = "arn:aws:secretsmanager:us-west-2:123456789012:secret:toy/pypi-AbCdEf"
READ = "secretsmanager:GetSecretValue"


def allowed(*statements: dict[str, Any], **role: object) -> bool:
    """Whether a role of those statements may read SECRET."""
    policy = {"Roles": [{"Ref": "R"}], "PolicyDocument": {"Statement": list(statements)}}
    resources = {
        "Other": {"Type": "AWS::IAM::Role"},
        "R": {"Type": "AWS::IAM::Role", "Properties": role},
        "P": {"Type": "AWS::IAM::Policy", "Properties": policy},
    }
    return may(Template({"Resources": resources}), ROLE, READ, SECRET)


def statement(effect: str = "Allow", **parts: object) -> dict[str, Any]:
    return {"Effect": effect, "Action": READ, "Resource": SECRET, **parts}


def test_what_is_not_allowed_is_denied() -> None:
    assert not allowed()


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"Action": ["x:Y", "secretsmanager:get*"]},
        {"Resource": ["a", SECRET.replace("AbCdEf", "??????")]},
        {"Resource": "*"},
    ],
)
def test_wildcards_match_as_iam_has_them(parts: dict[str, Any]) -> None:
    assert allowed(statement(**parts))


@pytest.mark.parametrize(
    "parts",
    [
        {"Action": "secretsmanager:Describe*"},
        {"Resource": SECRET.replace("AbCdEf", "?????")},
        {"Resource": SECRET.replace("pypi", "PYPI")},
        {"Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}},
    ],
)
def test_what_does_not_match_allows_nothing(parts: dict[str, Any]) -> None:
    assert not allowed(statement(**parts))


def test_a_deny_wins_even_under_a_condition() -> None:
    assert not allowed(statement(), statement("Deny", Condition={"Bool": {}}))


def test_not_resource_means_all_others() -> None:
    deny = {"Effect": "Deny", "Action": READ, "NotResource": "*/dist/*"}
    assert not allowed(statement(), deny)
    assert allowed(statement(), {**deny, "NotResource": SECRET})


def test_policies_inside_the_role_count() -> None:
    assert allowed(Policies=[{"PolicyDocument": {"Statement": [statement()]}}])


def test_a_policy_that_is_not_in_the_template_is_named() -> None:
    with pytest.raises(UserError, match="rehearsal-managed-policy"):
        allowed(ManagedPolicyArns=["arn:aws:iam::aws:policy/AdministratorAccess"])


def test_a_role_that_is_not_in_the_template_is_named() -> None:
    with pytest.raises(UserError, match="rehearsal-role"):
        may(Template({"Resources": {}}), ROLE, READ, SECRET)
