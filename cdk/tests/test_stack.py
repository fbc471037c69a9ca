"""What the stack is made of, promise by promise."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk.assertions import Match, Template

from app import HERE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.template import Synthesized


@pytest.fixture(params=["plain", "full"])
def template(request: pytest.FixtureRequest) -> Synthesized:
    found: Synthesized = request.getfixturevalue(request.param)
    return found


def stages(template: Synthesized, pipeline: str) -> dict[str, dict[str, Any]]:
    """Each stage's one action, by the stage's name."""
    found = {}
    for stage in template.all("AWS::CodePipeline::Pipeline")[pipeline]["Stages"]:
        (found[stage["Name"]],) = stage["Actions"]
    return found


def environment(action: dict[str, Any]) -> dict[str, str]:
    variables = json.loads(action["Configuration"]["EnvironmentVariables"])
    assert {variable["type"] for variable in variables} == {"PLAINTEXT"}
    return {variable["name"]: variable["value"] for variable in variables}


def artifacts(action: dict[str, Any], which: str) -> list[str]:
    return [artifact["Name"] for artifact in action.get(f"{which}Artifacts", [])]


def test_pull_requests_run_side_by_side_from_source_to_validation(template: Synthesized) -> None:
    pipeline = template.all("AWS::CodePipeline::Pipeline")["pull-requests"]
    assert (pipeline["PipelineType"], pipeline["ExecutionMode"]) == ("V2", "PARALLEL")
    assert list(stages(template, "pull-requests")) == ["Source", "Validate"]
    validate = stages(template, "pull-requests")["Validate"]
    assert validate["Configuration"]["ProjectName"] == "<pr-validation>"
    assert environment(validate) == {
        "SOURCE_COMMIT": "#{variables.SOURCE_COMMIT}",
        "DESTINATION_COMMIT": "#{variables.DESTINATION_COMMIT}",
        "PULL_REQUEST_ID": "#{variables.PULL_REQUEST_ID}",
    }


def test_releases_queue_from_source_to_verification(plain: Synthesized) -> None:
    pipeline = plain.all("AWS::CodePipeline::Pipeline")["releases"]
    assert (pipeline["PipelineType"], pipeline["ExecutionMode"]) == ("V2", "QUEUED")
    found = stages(plain, "releases")
    assert list(found) == ["Source", "Build", "Publish", "Verify"]
    commit = {
        "SOURCE_COMMIT": "#{variables.SOURCE_COMMIT}",
        "RELEASE_TAG": "#{variables.RELEASE_TAG}",
    }
    assert environment(found["Build"]) == environment(found["Publish"]) == commit
    assert environment(found["Verify"]) == commit | {"NOXSESSION": "verify"}
    projects = {name: found[name]["Configuration"].get("ProjectName") for name in found}
    assert projects == {
        "Source": None,
        "Build": "<release>",
        "Publish": "<publish>",
        "Verify": "<release>",
    }


def test_a_person_can_be_asked_before_anything_is_published(full: Synthesized) -> None:
    found = stages(full, "releases")
    assert list(found) == ["Source", "Build", "Approval", "Publish", "Verify"]
    approval = found["Approval"]
    assert approval["ActionTypeId"]["Category"] == "Approval"
    assert approval["Configuration"]["NotificationArn"] == "<notifications/topic>"


def test_distributions_travel_beside_the_source(template: Synthesized) -> None:
    found = stages(template, "releases")
    assert artifacts(found["Source"], "Output") == ["source"]
    assert artifacts(found["Build"], "Input") == ["source"]
    assert artifacts(found["Build"], "Output") == ["dist"]
    for name in ("Publish", "Verify"):
        assert artifacts(found[name], "Input") == ["source", "dist"]
        assert artifacts(found[name], "Output") == []
        assert found[name]["Configuration"]["PrimarySource"] == "source"


def test_a_source_is_a_full_clone_that_no_push_sets_off(template: Synthesized) -> None:
    for pipeline in ("pull-requests", "releases"):
        source = stages(template, pipeline)["Source"]["Configuration"]
        assert source["OutputArtifactFormat"] == "CODEBUILD_CLONE_REF"
        assert source["PollForSourceChanges"] is False


def test_a_variable_has_no_default_to_build_by_mistake(template: Synthesized) -> None:
    for pipeline in template.all("AWS::CodePipeline::Pipeline").values():
        for variable in pipeline["Variables"]:
            assert set(variable) == {"Name"}


@pytest.mark.parametrize(
    ("project", "variables"),
    [
        ("pr-validation", {"NOXSESSION": "pr"}),
        ("release", {"NOXSESSION": "release", "RELEASE_BRANCH": "main"}),
        ("publish", {"NOXSESSION": "publish", "PYPI_SECRET_ID": "sample-package/pypi"}),
    ],
)
def test_a_project_is_small_unprivileged_and_calls_one_session(
    plain: Synthesized, project: str, variables: dict[str, str]
) -> None:
    Template.from_json(plain.body).has_resource_properties(
        "AWS::CodeBuild::Project",
        {
            "Name": f"sample-package-{project}",
            "TimeoutInMinutes": 30,
            "Source": {"Type": "CODEPIPELINE", "BuildSpec": "buildspec.yml"},
            "Environment": {
                "Type": "LINUX_CONTAINER",
                "Image": "aws/codebuild/standard:7.0",
                "ComputeType": "BUILD_GENERAL1_SMALL",
                "PrivilegedMode": False,
                "EnvironmentVariables": [
                    {"Name": name, "Type": "PLAINTEXT", "Value": value}
                    for name, value in variables.items()
                ],
            },
        },
    )


def test_only_pull_requests_are_built_with_a_cache(template: Synthesized) -> None:
    projects = template.all("AWS::CodeBuild::Project")
    caches = {path: project["Cache"]["Type"] for path, project in projects.items()}
    assert caches == {"pr-validation": "S3", "release": "NO_CACHE", "publish": "NO_CACHE"}


def test_every_build_logs_for_a_fixed_time(plain: Synthesized, full: Synthesized) -> None:
    for template, days in ((plain, 90), (full, 7)):
        logs = template.all("AWS::Logs::LogGroup")
        assert {log["RetentionInDays"] for log in logs.values()} == {days}
        for path, project in template.all("AWS::CodeBuild::Project").items():
            group = {"GroupName": f"<{path}-log>", "Status": "ENABLED"}
            assert project["LogsConfig"] == {"CloudWatchLogs": group}
            assert logs[f"{path}-log"]["LogGroupName"] == f"/aws/codebuild/{project['Name']}"


def test_buckets_are_private_encrypted_and_forgetful(template: Synthesized) -> None:
    checked = Template.from_json(template.body)
    checked.resource_count_is("AWS::S3::Bucket", 3)
    encryption = {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    public = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    checked.all_resources_properties(
        "AWS::S3::Bucket",
        {
            "BucketEncryption": {"ServerSideEncryptionConfiguration": [encryption]},
            "PublicAccessBlockConfiguration": dict.fromkeys(public, True),
            "LifecycleConfiguration": {
                "Rules": [Match.object_like({"ExpirationInDays": 30, "Status": "Enabled"})]
            },
        },
    )
    checked.all_resources("AWS::S3::Bucket", {"DeletionPolicy": "Retain"})
    assert {policy["Bucket"] for policy in template.all("AWS::S3::BucketPolicy").values()} == {
        f"<{bucket}>" for bucket in template.all("AWS::S3::Bucket")
    }


@pytest.mark.parametrize(
    "kind", ["AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy"]
)
def test_whoever_comes_without_tls_is_refused(template: Synthesized, kind: str) -> None:
    policies = template.all(kind).values()
    assert policies
    for policy in policies:
        refusals = [
            statement["Condition"]
            for statement in policy["PolicyDocument"]["Statement"]
            if statement["Effect"] == "Deny" and statement["Principal"] in ("*", {"AWS": "*"})
        ]
        assert {"Bool": {"aws:SecureTransport": "false"}} in refusals


def test_undelivered_events_are_kept_encrypted(template: Synthesized) -> None:
    (queue,) = template.all("AWS::SQS::Queue").values()
    assert queue["SqsManagedSseEnabled"] is True
    assert queue["MessageRetentionPeriod"] == 14 * 24 * 60 * 60


def test_a_failed_release_is_told_to_the_topic(template: Synthesized) -> None:
    rule = template.all("AWS::Events::Rule")["notifications/failed"]
    name = template.all("AWS::CodePipeline::Pipeline")["releases"]["Name"]
    assert rule["EventPattern"]["detail"] == {"pipeline": [name], "state": ["FAILED"]}
    assert rule["Targets"][0]["Arn"] == "<notifications/topic>"
    senders = {
        statement["Principal"].get("Service")
        for policy in template.all("AWS::SNS::TopicPolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    }
    assert senders == {"events.amazonaws.com", "cloudwatch.amazonaws.com"}


def test_mail_goes_to_whom_the_context_names(plain: Synthesized, full: Synthesized) -> None:
    assert plain.all("AWS::SNS::Subscription") == {}
    (subscription,) = full.all("AWS::SNS::Subscription").values()
    assert subscription["Protocol"] == "email"
    assert subscription["Endpoint"] == "maintainers@example.org"


def test_the_context_reaches_the_builds(full: Synthesized) -> None:
    variables = {
        project["Name"]: {
            variable["Name"]: variable["Value"]
            for variable in project["Environment"]["EnvironmentVariables"]
        }
        for project in full.all("AWS::CodeBuild::Project").values()
    }
    assert variables["other-package-release"]["RELEASE_BRANCH"] == "release/2.x"
    assert variables["other-package-publish"]["PYPI_SECRET_ID"] == "some/secret"
    sources = [
        stages(full, name)["Source"]["Configuration"] for name in ("pull-requests", "releases")
    ]
    assert {source["BranchName"] for source in sources} == {"release/2.x"}
    assert {source["RepositoryName"] for source in sources} == {"some-repository"}
    assert "us-west-2" not in full.text
    assert "eu-central-1" in full.text


def test_the_stack_works_for_any_package(
    synthesize: Callable[..., Synthesized], plain: Synthesized
) -> None:
    document = tomllib.loads((HERE.parent / "pyproject.toml").read_text(encoding="utf-8"))
    ours: str = document["project"]["name"]
    assert synthesize(ours).text.count(ours) > 10
    for word in (ours, ours.split("-", maxsplit=1)[0]):
        assert word not in plain.text


def test_there_is_neither_a_function_nor_a_secret_nor_a_key_in_it(template: Synthesized) -> None:
    kinds = {
        resource["Type"].rsplit("::", 1)[0] for resource in template.body["Resources"].values()
    }
    assert kinds.isdisjoint({"AWS::Lambda", "AWS::SecretsManager", "AWS::KMS", "Custom"})
