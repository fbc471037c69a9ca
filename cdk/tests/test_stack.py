"""What the stack is made of, promise by promise."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk.assertions import Match
from aws_cdk.assertions import Template as Assertions

from app import HERE

if TYPE_CHECKING:
    from collections.abc import Callable

    from ci.rehearsal.cloudformation import Template


def stages(template: Template, pipeline: str) -> dict[str, list[str]]:
    """The names of each stage's actions; those of one stage run at the same time."""
    found = template.by_path("AWS::CodePipeline::Pipeline")[pipeline]["Stages"]
    assert {action["RunOrder"] for stage in found for action in stage["Actions"]} == {1}
    return {stage["Name"]: [action["Name"] for action in stage["Actions"]] for stage in found}


def actions(template: Template, pipeline: str) -> dict[str, dict[str, Any]]:
    """Each action by its name."""
    found = template.by_path("AWS::CodePipeline::Pipeline")[pipeline]["Stages"]
    return {action["Name"]: action for stage in found for action in stage["Actions"]}


def environment(action: dict[str, Any]) -> dict[str, str]:
    variables = json.loads(action["Configuration"]["EnvironmentVariables"])
    assert {variable["type"] for variable in variables} == {"PLAINTEXT"}
    return {variable["name"]: variable["value"] for variable in variables}


def artifacts(action: dict[str, Any], which: str) -> list[str]:
    return [artifact["Name"] for artifact in action.get(f"{which}Artifacts", [])]


def test_pull_requests_run_side_by_side_from_source_to_validation(template: Template) -> None:
    pipeline = template.by_path("AWS::CodePipeline::Pipeline")["pull-requests"]
    assert (pipeline["PipelineType"], pipeline["ExecutionMode"]) == ("V2", "PARALLEL")
    assert stages(template, "pull-requests") == {"Source": ["Source"], "Validate": ["Validate"]}
    validate = actions(template, "pull-requests")["Validate"]
    assert validate["Configuration"]["ProjectName"].endswith("-pr-validation")
    assert environment(validate) == {
        "SOURCE_COMMIT": "#{variables.SOURCE_COMMIT}",
        "DESTINATION_COMMIT": "#{variables.DESTINATION_COMMIT}",
        "PULL_REQUEST_ID": "#{variables.PULL_REQUEST_ID}",
    }


def test_releases_queue_from_source_to_verification(plain: Template) -> None:
    pipeline = plain.by_path("AWS::CodePipeline::Pipeline")["releases"]
    assert (pipeline["PipelineType"], pipeline["ExecutionMode"]) == ("V2", "QUEUED")
    assert stages(plain, "releases") == {
        "Source": ["Source"],
        "Build": ["Check", "Build"],
        "Publish": ["Publish"],
        "Verify": ["Verify"],
    }
    projects = {
        name: action["Configuration"].get("ProjectName")
        for name, action in actions(plain, "releases").items()
    }
    assert projects == {
        "Source": None,
        "Check": "sample-package-release",
        "Build": "sample-package-build",
        "Publish": "sample-package-publish",
        "Verify": "sample-package-verify",
    }


def test_publish_is_told_what_both_builds_made(template: Template) -> None:
    found = actions(template, "releases")
    commit = {name: f"#{{variables.{name}}}" for name in ("SOURCE_COMMIT", "RELEASE_TAG")}
    for name in ("Check", "Build", "Verify"):
        assert environment(found[name]) == commit
    assert environment(found["Publish"]) == commit | {
        "CHECK_DIST_SHA256": "#{Check.DIST_SHA256}",
        "BUILD_DIST_SHA256": "#{Build.DIST_SHA256}",
    }
    namespaces = {name: action.get("Namespace") for name, action in found.items()}
    assert {name: space for name, space in namespaces.items() if space} == {
        "Check": "Check",
        "Build": "Build",
    }


def test_a_person_can_be_asked_before_anything_is_published(full: Template) -> None:
    assert list(stages(full, "releases")) == ["Source", "Build", "Approval", "Publish", "Verify"]
    approval = actions(full, "releases")["Approve"]
    assert approval["ActionTypeId"]["Category"] == "Approval"
    (topic,) = map(full.arn, full.resources("AWS::SNS::Topic"))
    assert approval["Configuration"]["NotificationArn"] == topic


def test_distributions_travel_beside_the_source_and_only_build_makes_them(
    template: Template,
) -> None:
    found = actions(template, "releases")
    made = {name: artifacts(action, "Output") for name, action in found.items()}
    assert {name: names for name, names in made.items() if names} == {
        "Source": ["source"],
        "Build": ["dist"],
    }
    for name in ("Check", "Build"):
        assert artifacts(found[name], "Input") == ["source"]
    for name in ("Publish", "Verify"):
        assert artifacts(found[name], "Input") == ["source", "dist"]
        assert found[name]["Configuration"]["PrimarySource"] == "source"


def test_a_source_is_a_full_clone_that_no_push_sets_off(template: Template) -> None:
    for pipeline in ("pull-requests", "releases"):
        source = actions(template, pipeline)["Source"]["Configuration"]
        assert source["OutputArtifactFormat"] == "CODEBUILD_CLONE_REF"
        assert source["PollForSourceChanges"] is False


def test_a_variable_has_no_default_to_build_by_mistake(template: Template) -> None:
    for pipeline in template.by_path("AWS::CodePipeline::Pipeline").values():
        for variable in pipeline["Variables"]:
            assert set(variable) == {"Name"}


@pytest.mark.parametrize(
    ("project", "variables"),
    [
        ("pr-validation", {"NOXSESSION": "pr"}),
        ("release", {"NOXSESSION": "release", "RELEASE_BRANCH": "main"}),
        ("build", {"NOXSESSION": "build", "RELEASE_BRANCH": "main"}),
        (
            "publish",
            {
                "NOXSESSION": "publish",
                "RELEASE_BRANCH": "main",
                "PYPI_SECRET_ID": "sample-package/pypi",
            },
        ),
        ("verify", {"NOXSESSION": "verify", "RELEASE_BRANCH": "main"}),
    ],
)
def test_a_project_is_small_unprivileged_and_calls_one_session(
    plain: Template, project: str, variables: dict[str, str]
) -> None:
    Assertions.from_json(plain.document).has_resource_properties(
        "AWS::CodeBuild::Project",
        {
            "Name": f"sample-package-{project}",
            "TimeoutInMinutes": 30,
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


def variables_of(template: Template) -> dict[str, dict[str, str]]:
    """Each project's environment, by the project's path."""
    return {
        path: {
            item["Name"]: item["Value"] for item in project["Environment"]["EnvironmentVariables"]
        }
        for path, project in template.by_path("AWS::CodeBuild::Project").items()
    }


def test_every_project_of_a_release_asks_for_a_merged_commit(template: Template) -> None:
    used = {
        action["Configuration"]["ProjectName"]
        for action in actions(template, "releases").values()
        if "ProjectName" in action["Configuration"]
    }
    found = template.by_path("AWS::CodeBuild::Project")
    for path, variables in variables_of(template).items():
        assert ("RELEASE_BRANCH" in variables) == (found[path]["Name"] in used), path


def test_only_pull_requests_are_built_with_a_cache(template: Template) -> None:
    projects = template.by_path("AWS::CodeBuild::Project")
    cached = {path for path, project in projects.items() if project["Cache"]["Type"] != "NO_CACHE"}
    assert cached == {"pr-validation"}


def test_every_build_logs_for_a_fixed_time(plain: Template, full: Template) -> None:
    for template, days in ((plain, 90), (full, 7)):
        logs = template.by_path("AWS::Logs::LogGroup")
        assert {log["RetentionInDays"] for log in logs.values()} == {days}
        for path, project in template.by_path("AWS::CodeBuild::Project").items():
            name = f"/aws/codebuild/{project['Name']}"
            assert logs[f"{path}-log"]["LogGroupName"] == name
            assert project["LogsConfig"] == {
                "CloudWatchLogs": {"GroupName": name, "Status": "ENABLED"}
            }


def test_buckets_are_private_encrypted_and_forgetful(template: Template) -> None:
    checked = Assertions.from_json(template.document)
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
    policies = template.by_path("AWS::S3::BucketPolicy").values()
    assert {policy["Bucket"] for policy in policies} == set(template.by_path("AWS::S3::Bucket"))


@pytest.mark.parametrize(
    "kind", ["AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy"]
)
def test_anyone_who_comes_without_tls_is_refused(template: Template, kind: str) -> None:
    policies = template.by_path(kind).values()
    assert policies
    for policy in policies:
        refusals = [
            statement["Condition"]
            for statement in policy["PolicyDocument"]["Statement"]
            if statement["Effect"] == "Deny" and statement["Principal"] in ("*", {"AWS": "*"})
        ]
        assert {"Bool": {"aws:SecureTransport": "false"}} in refusals


def test_undelivered_events_are_kept_encrypted(template: Template) -> None:
    (queue,) = template.by_path("AWS::SQS::Queue").values()
    assert queue["SqsManagedSseEnabled"] is True
    assert queue["MessageRetentionPeriod"] == 14 * 24 * 60 * 60


def test_only_events_and_alarms_write_to_the_topic(template: Template) -> None:
    senders = {
        statement["Principal"].get("Service")
        for policy in template.by_path("AWS::SNS::TopicPolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    }
    assert senders == {"events.amazonaws.com", "cloudwatch.amazonaws.com"}


def test_mail_goes_to_whom_the_context_names(plain: Template, full: Template) -> None:
    assert plain.by_path("AWS::SNS::Subscription") == {}
    (subscription,) = full.by_path("AWS::SNS::Subscription").values()
    assert subscription["Protocol"] == "email"
    assert subscription["Endpoint"] == "maintainers@example.org"


def test_the_context_reaches_the_builds(full: Template) -> None:
    variables = variables_of(full)
    assert variables["build"]["RELEASE_BRANCH"] == "release/2.x"
    assert variables["publish"]["PYPI_SECRET_ID"] == "some/secret"
    sources = [
        actions(full, name)["Source"]["Configuration"] for name in ("pull-requests", "releases")
    ]
    assert {source["BranchName"] for source in sources} == {"release/2.x"}
    assert {source["RepositoryName"] for source in sources} == {"some-repository"}
    text = json.dumps(full.document)
    assert "us-west-2" not in text
    assert "eu-central-1" in text


def test_the_stack_works_for_any_package(
    synthesize: Callable[[str, str], Template], plain: Template
) -> None:
    document = tomllib.loads((HERE.parent / "pyproject.toml").read_text(encoding="utf-8"))
    ours: str = document["project"]["name"]
    assert json.dumps(synthesize(ours, "plain").document).count(ours) > 10
    for word in (ours, ours.split("-", maxsplit=1)[0]):
        assert word not in json.dumps(plain.document)


def test_there_is_neither_a_function_nor_a_secret_nor_a_key_in_it(template: Template) -> None:
    kinds = {
        resource["Type"].rsplit("::", 1)[0] for resource in template.document["Resources"].values()
    }
    assert kinds.isdisjoint({"AWS::Lambda", "AWS::SecretsManager", "AWS::KMS", "Custom"})
