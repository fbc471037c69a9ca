"""References, resolved as CloudFormation would."""

from __future__ import annotations

import pytest

from ci.errors import UserError
from ci.rehearsal.cloudformation import Template

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
        ({"Fn::Sub": "${!Project} and ${Project}"}, "${Project} and p"),
        ({"Fn::Select": ["1", {"Fn::Split": [",", "a,b"]}]}, "b"),
        ({"deep": [{"Ref": "Where"}, 1, True]}, {"deep": ["here", 1, True]}),
    ],
)
def test_a_reference_is_what_it_would_be_once_deployed(value: object, resolved: object) -> None:
    assert TEMPLATE.resolve(value) == resolved


@pytest.mark.parametrize(
    ("region", "partition"),
    [("eu-central-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")],
)
def test_an_arn_begins_with_the_partition_of_its_region(region: str, partition: str) -> None:
    template = Template(TEMPLATE.document | {"Parameters": {"Where": {"Default": "x"}}}, region)
    assert template.resolve({"Ref": "AWS::Partition"}) == partition
    assert template.arn("Bucket") == f"arn:{partition}:s3:::b-x"
    assert template.arn("Queue") == f"arn:{partition}:sqs:{region}:123456789012:Queue"


@pytest.mark.parametrize("value", [{"Ref": "Nobody"}, {"Fn::ImportValue": "x"}])
def test_a_reference_that_is_not_understood_is_named(value: object) -> None:
    with pytest.raises(UserError, match="rehearsal-template"):
        TEMPLATE.resolve(value)


def test_a_resource_is_called_by_its_path_where_it_has_no_name_of_its_own() -> None:
    metadata = {"aws:cdk:path": "stack/releases/Role/Resource"}
    resources = {
        "RoleA1B2": {"Type": "AWS::IAM::Role", "Metadata": metadata},
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "mail"}},
    }
    template = Template({"Resources": resources})
    assert template.arn("RoleA1B2") == "arn:aws:iam::123456789012:role/releases/Role"
    assert template.resolve({"Ref": "RoleA1B2"}) == "releases/Role"
    assert list(template.by_path("AWS::IAM::Role")) == ["releases/Role"]
    assert list(template.by_path("AWS::SNS::Topic")) == ["Topic"]
    assert template.arn("Topic").endswith(":mail")
