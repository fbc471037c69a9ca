"""What the stack is made of, promise by promise."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk.assertions import Template as Assertions

from app import HERE

if TYPE_CHECKING:
    from collections.abc import Callable

    from ci.rehearsal.cloudformation import Template


def stages(template: Template, pipeline: str) -> dict[str, list[str]]:
    """The names of each stage's actions, by run order and then as they are declared."""
    found = template.by_path("AWS::CodePipeline::Pipeline")[pipeline]["Stages"]
    return {
        stage["Name"]: [
            action["Name"] for action in sorted(stage["Actions"], key=lambda a: int(a["RunOrder"]))
        ]
        for stage in found
    }


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


PULL_REQUEST = {
    name: f"#{{variables.{name}}}"
    for name in ("SOURCE_COMMIT", "DESTINATION_COMMIT", "PULL_REQUEST_ID")
}
COMMIT = {name: f"#{{variables.{name}}}" for name in ("SOURCE_COMMIT", "RELEASE_TAG")}
SUMS = {f"{name.upper()}_DIST_SHA256": f"#{{{name}.DIST_SHA256}}" for name in ("Check", "Build")}


def projects(template: Template, pipeline: str) -> dict[str, str]:
    """The end of the name of each action's project."""
    return {
        name: action["Configuration"]["ProjectName"].removeprefix("sample-package-")
        for name, action in actions(template, pipeline).items()
        if "ProjectName" in action["Configuration"]
    }


# --- pull requests -------------------------------------------------------------------------------


def test_pull_requests_run_side_by_side_on_every_python(plain: Template) -> None:
    pipeline = plain.by_path("AWS::CodePipeline::Pipeline")["pull-requests"]
    assert (pipeline["PipelineType"], pipeline["ExecutionMode"]) == ("V2", "PARALLEL")
    others = ["Python-3.9", "Python-3.10", "Python-3.11"]
    assert stages(plain, "pull-requests") == {
        "Source": ["Source"],
        "Validate": ["Validate", *others],
    }
    assert projects(plain, "pull-requests") == {
        "Validate": "pr-validation",
        **dict.fromkeys(others, "pr-tests"),
    }
    found = actions(plain, "pull-requests")
    assert {found[name]["RunOrder"] for name in ("Validate", *others)} == {1}
    assert environment(found["Validate"]) == PULL_REQUEST
    for name in others:
        session = {"NOXSESSION": f"tests_all-{name.removeprefix('Python-')}"}
        assert environment(found[name]) == PULL_REQUEST | session


def test_the_other_pythons_can_be_left_to_the_release(
    synthesize: Callable[[str, str], Template],
) -> None:
    template = synthesize("sample-package", "fewer-in-china")
    assert stages(template, "pull-requests")["Validate"] == ["Validate"]
    assert "pr-tests" not in template.by_path("AWS::CodeBuild::Project")


def test_a_long_suite_is_split_over_builds_and_its_coverage_judged_on_all_of_them(
    synthesize: Callable[[str, str], Template],
) -> None:
    template = synthesize("sample-package", "shards")
    found = actions(template, "pull-requests")
    others = [f"Python-{python}-{part}" for part in (1, 2) for python in ("3.9", "3.10", "3.11")]
    assert set(stages(template, "pull-requests")["Validate"]) == {
        *("Validate", "Tests-1", "Tests-2"),
        *others,
    }
    assert stages(template, "pull-requests")["Coverage"] == ["Coverage"]
    sessions = {path: variables["NOXSESSION"] for path, variables in variables_of(template).items()}
    used = projects(template, "pull-requests")
    assert {name: sessions[project] for name, project in used.items()} == {
        "Validate": "checks",
        **dict.fromkeys(("Tests-1", "Tests-2", *others), "tests"),
        "Coverage": "coverage",
    }
    for part in (1, 2):
        assert environment(found[f"Tests-{part}"]) == PULL_REQUEST | {"SHARD": f"{part}/2"}
        assert artifacts(found[f"Tests-{part}"], "Output") == [f"shard{part}"]
        other = found[f"Python-3.10-{part}"]
        session = {"NOXSESSION": "tests_all-3.10"}
        assert environment(other) == PULL_REQUEST | {"SHARD": f"{part}/2"} | session
        assert artifacts(other, "Output") == []
    assert artifacts(found["Coverage"], "Input") == ["source", "shard1", "shard2"]
    assert variables_of(template)["pr-coverage"] == {"NOXSESSION": "coverage", "SHARDS": "2"}


def test_the_page_on_costs_counts_the_builds_of_four_shards(
    plain: Template, full: Template
) -> None:
    one, four = (len(actions(template, "pull-requests")) - 1 for template in (plain, full))
    page = (HERE.parent / "docs/cicd-setup.md").read_text(encoding="utf-8")
    more = f"{four - one} more builds of a minute for each pull request: {four} instead of {one}"
    assert more in page


def test_no_action_is_given_more_artifacts_than_it_can_take(template: Template) -> None:
    for pipeline in template.by_path("AWS::CodePipeline::Pipeline"):
        for action in actions(template, pipeline).values():
            assert len(artifacts(action, "Input")) <= 5
            assert len(artifacts(action, "Output")) <= 1


# --- releases ------------------------------------------------------------------------------------


def test_releases_queue_from_source_to_verification(plain: Template) -> None:
    pipeline = plain.by_path("AWS::CodePipeline::Pipeline")["releases"]
    assert (pipeline["PipelineType"], pipeline["ExecutionMode"]) == ("V2", "QUEUED")
    assert stages(plain, "releases") == {
        "Source": ["Source"],
        "Build": ["Check", "Build"],
        "Publish": ["Publish"],
        "Verify": ["Verify"],
    }
    found = actions(plain, "releases")
    assert {action["RunOrder"] for action in found.values()} == {1}
    assert projects(plain, "releases") == {
        "Check": "release",
        "Build": "build",
        "Publish": "publish",
        "Verify": "verify",
    }


def test_publish_is_told_what_both_builds_made(template: Template) -> None:
    found = actions(template, "releases")
    for name in ("Check", "Build", "Verify"):
        assert environment(found[name]) == COMMIT
    assert environment(found["Publish"]) == COMMIT | SUMS
    namespaces = {name: action.get("Namespace") for name, action in found.items()}
    assert {name: space for name, space in namespaces.items() if space} == {
        "Source": "Source",
        "Check": "Check",
        "Build": "Build",
    }


def test_a_release_can_be_tried_on_testpypi_first(
    synthesize: Callable[[str, str], Template],
) -> None:
    template = synthesize("sample-package", "staging")
    names = ["PublishToTestPyPI", "VerifyFromTestPyPI"]
    assert list(stages(template, "releases")) == ["Source", "Build", "Staging", "Publish", "Verify"]
    assert stages(template, "releases")["Staging"] == names
    upload, verify = (actions(template, "releases")[name] for name in names)
    assert upload["RunOrder"] < verify["RunOrder"]
    assert environment(upload) == COMMIT | SUMS
    assert environment(verify) == COMMIT | {"TWINE_REPOSITORY": "testpypi"}
    assert variables_of(template)["staging"] == {
        "NOXSESSION": "publish",
        "RELEASE_BRANCH": "main",
        "TWINE_REPOSITORY": "testpypi",
        "PYPI_SECRET_ID": "sample-package/testpypi",
    }
    assert projects(template, "releases")["VerifyFromTestPyPI"] == "verify"
    assert artifacts(upload, "Input") == artifacts(verify, "Input") == ["source", "dist"]


def test_a_person_can_be_asked_before_anything_is_published(full: Template) -> None:
    names = ["Source", "Build", "Approval", "Staging", "Publish", "Verify"]
    assert list(stages(full, "releases")) == names
    approval = actions(full, "releases")["Approve"]
    assert approval["ActionTypeId"]["Category"] == "Approval"
    topic = "arn:aws:sns:eu-central-1:123456789012:notifications/topic"
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


# --- every night ---------------------------------------------------------------------------------


def test_a_nightly_run_builds_the_branch_s_head_and_keeps_what_it_resolved(
    synthesize: Callable[[str, str], Template],
) -> None:
    template = synthesize("sample-package", "nightly")
    assert stages(template, "nights") == {"Source": ["Source"], "Nightly": ["Nightly"]}
    pipeline = template.by_path("AWS::CodePipeline::Pipeline")["nights"]
    assert (pipeline["PipelineType"], pipeline["ExecutionMode"]) == ("V2", "QUEUED")
    nightly = actions(template, "nights")["Nightly"]
    assert environment(nightly) == {"SOURCE_COMMIT": "#{Source.CommitId}"}
    assert artifacts(nightly, "Output") == ["nightly"]
    assert variables_of(template)["nightly"] == {"NOXSESSION": "nightly"}
    cache = template.by_path("AWS::CodeBuild::Project")["nightly"]["Cache"]
    assert cache == {"Type": "S3", "Location": "nightly-cache/nightly"}


# --- all of it -----------------------------------------------------------------------------------


def test_a_source_is_a_full_clone_that_no_push_sets_off(template: Template) -> None:
    for pipeline in template.by_path("AWS::CodePipeline::Pipeline"):
        source = actions(template, pipeline)["Source"]["Configuration"]
        assert source["OutputArtifactFormat"] == "CODEBUILD_CLONE_REF"
        assert source["PollForSourceChanges"] is False


def test_a_variable_has_no_default_to_build_by_mistake(template: Template) -> None:
    for pipeline in template.by_path("AWS::CodePipeline::Pipeline").values():
        for variable in pipeline.get("Variables", []):
            assert set(variable) == {"Name"}


@pytest.mark.parametrize(
    ("project", "variables"),
    [
        ("pr-validation", {"NOXSESSION": "pr"}),
        ("pr-tests", {"NOXSESSION": "tests_all"}),
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


def test_the_noxfile_has_every_session_that_a_build_runs(full: Template) -> None:
    noxfile = (HERE.parent / "noxfile.py").read_text(encoding="utf-8")
    called = {variables["NOXSESSION"] for variables in variables_of(full).values()}
    assert {"publish", "nightly"} <= called
    assert called <= set(re.findall(r"^def (\w+)\(", noxfile, re.MULTILINE))


def test_every_project_of_a_release_asks_for_a_merged_commit(template: Template) -> None:
    used = {
        action["Configuration"]["ProjectName"]
        for action in actions(template, "releases").values()
        if "ProjectName" in action["Configuration"]
    }
    found = template.by_path("AWS::CodeBuild::Project")
    for path, variables in variables_of(template).items():
        assert ("RELEASE_BRANCH" in variables) == (found[path]["Name"] in used), path


def test_no_build_of_a_release_has_a_cache(template: Template) -> None:
    found = template.by_path("AWS::CodeBuild::Project")
    cached = {
        path: project["Cache"]["Location"]
        for path, project in found.items()
        if project["Cache"]["Type"] != "NO_CACHE"
    }
    bucket = {"nightly": "nightly-cache"}
    assert {"pr-validation"} <= set(cached) <= {"pr-validation", "pr-tests", "nightly"}
    assert cached == {path: f"{bucket.get(path, 'cache')}/{path}" for path in cached}


def test_machines_and_time_outs_are_set_project_by_project(full: Template) -> None:
    found = full.by_path("AWS::CodeBuild::Project")
    machines = {path: project["Environment"]["ComputeType"] for path, project in found.items()}
    others = set(machines) - {"pr-tests", "nightly"}
    assert {machines[path] for path in others} == {"BUILD_GENERAL1_SMALL"}
    assert machines["pr-tests"] == "BUILD_GENERAL1_LARGE"
    assert machines["nightly"] == "BUILD_GENERAL1_2XLARGE"
    minutes = {path: project["TimeoutInMinutes"] for path, project in found.items()}
    assert minutes.pop("pr-tests") == 120
    assert set(minutes.values()) == {30}


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


def test_a_log_goes_with_the_stack_as_its_name_would_stop_the_next_one(template: Template) -> None:
    checked = Assertions.from_json(template.document)
    checked.all_resources("AWS::Logs::LogGroup", {"DeletionPolicy": "Delete"})


def test_buckets_are_private_encrypted_and_delete_old_objects(template: Template) -> None:
    checked = Assertions.from_json(template.document)
    pipelines = template.resources("AWS::CodePipeline::Pipeline")
    # One for the artifacts of each pipeline, one for the cache of each that has one.
    checked.resource_count_is("AWS::S3::Bucket", {2: 3, 3: 5}[len(pipelines)])
    encryption = {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    public = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    forget = {
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
        "ExpirationInDays": 30,
        "Status": "Enabled",
    }
    checked.all_resources_properties(
        "AWS::S3::Bucket",
        {
            "BucketEncryption": {"ServerSideEncryptionConfiguration": [encryption]},
            "PublicAccessBlockConfiguration": dict.fromkeys(public, True),
            "LifecycleConfiguration": {"Rules": [forget]},
        },
    )
    checked.all_resources("AWS::S3::Bucket", {"DeletionPolicy": "Retain"})
    policies = template.by_path("AWS::S3::BucketPolicy").values()
    assert {policy["Bucket"] for policy in policies} == set(template.by_path("AWS::S3::Bucket"))


@pytest.mark.parametrize(
    "kind", ["AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy"]
)
def test_a_request_without_tls_is_refused(template: Template, kind: str) -> None:
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


def test_only_events_and_alarms_write_to_each_topic(template: Template) -> None:
    policies = template.by_path("AWS::SNS::TopicPolicy").values()
    assert len(policies) == len(template.by_path("AWS::SNS::Topic"))
    for policy in policies:
        senders = {
            statement["Principal"].get("Service")
            for statement in policy["PolicyDocument"]["Statement"]
            if statement["Effect"] == "Allow"
        }
        assert senders == {"events.amazonaws.com", "cloudwatch.amazonaws.com"}


def test_mail_goes_to_whom_the_context_names(plain: Template, full: Template) -> None:
    assert plain.by_path("AWS::SNS::Subscription") == {}
    (subscription,) = full.by_path("AWS::SNS::Subscription").values()
    assert subscription["TopicArn"].endswith(":notifications/topic")
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
