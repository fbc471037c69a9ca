"""What a template must not hold, whether or not a play comes upon it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from ci.errors import UserError
from ci.rehearsal.cloudformation import Template
from ci.rehearsal.inspection import inspect_template
from ci.tests.rehearsal.toy import add_nights, add_staging, make_toy, template

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "arn:aws:secretsmanager:us-west-2:123456789012:secret:toy/pypi-??????"
READ = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": SECRET}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_toy(tmp_path_factory.mktemp("toy"))


@pytest.fixture
def resources() -> dict[str, Any]:
    found: dict[str, Any] = template()["Resources"]
    return found


def code(resources: dict[str, Any], checkout: Path) -> str:
    with pytest.raises(UserError) as raised:
        inspect_template(Template({"Resources": resources}), checkout)
    return raised.value.code


def grant(resources: dict[str, Any], role: str, statement: dict[str, Any]) -> None:
    policy = resources[f"{role}Policy"]["Properties"]["PolicyDocument"]
    policy["Statement"].append(statement)


def variables(resources: dict[str, Any], project: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = resources[project]["Properties"]["Environment"][
        "EnvironmentVariables"
    ]
    return found


def rewrite(resources: dict[str, Any], project: str, **env: str) -> dict[str, Any]:
    """Change a project's buildspec; its phase `install` is returned to be changed as well."""
    source = resources[project]["Properties"]["Source"]
    spec = json.loads(source["BuildSpec"])
    spec["env"]["variables"] = env
    source["BuildSpec"] = json.dumps(spec)
    found: dict[str, Any] = spec
    return found


def test_the_toy_s_template_passes(resources: dict[str, Any], checkout: Path) -> None:
    inspect_template(Template({"Resources": resources}), checkout)


def test_staging_and_nights_pass_and_staging_reads_its_own_secret_only(checkout: Path) -> None:
    document = template()
    add_staging(document)
    add_nights(document)
    inspect_template(Template(document), checkout)
    grant(document["Resources"], "Staging", READ)
    assert code(document["Resources"], checkout) == "rehearsal-granted"


@pytest.mark.parametrize(
    "statement",
    [
        READ,
        {**READ, "Condition": {"Bool": {"aws:SecureTransport": "true"}}},
        {**READ, "Action": "*", "Resource": "*"},
        {"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"},
        {**READ, "Resource": SECRET.replace("toy/pypi", "*")},
        {**READ, "Resource": SECRET.replace("??????", "x7Yz09")},
        {**READ, "Resource": SECRET.replace("??????", "x7*")},
        {**READ, "Resource": SECRET.replace("??????", "*z9")},
        {**READ, "Action": "secretsmanager:PutResourcePolicy"},
    ],
    ids=[
        *("plainly", "on a condition", "everything", "all but something", "every secret"),
        *("by its whole ARN", "by the ARN's beginning", "by the ARN's end", "the granting of it"),
    ],
)
@pytest.mark.parametrize("role", ["Release", "Build", "Verify", "Pr", "Releases", "CommentEvents"])
def test_another_role_that_is_granted_the_secret_is_named(
    resources: dict[str, Any], checkout: Path, role: str, statement: dict[str, Any]
) -> None:
    grant(resources, role, statement)
    assert code(resources, checkout) == "rehearsal-granted"


def test_a_secret_that_the_publisher_knows_by_its_arn_is_looked_for_under_that(
    resources: dict[str, Any], checkout: Path
) -> None:
    (secret,) = (v for v in variables(resources, "Publish") if v["Name"] == "PYPI_SECRET_ID")
    secret["Value"] = SECRET.replace("??????", "x7Yz09")
    inspect_template(Template({"Resources": resources}), checkout)
    grant(resources, "Verify", {**READ, "Resource": secret["Value"]})
    assert code(resources, checkout) == "rehearsal-granted"


def test_another_secret_may_be_granted_to_others(resources: dict[str, Any], checkout: Path) -> None:
    grant(resources, "Verify", {**READ, "Resource": SECRET.replace("toy/pypi", "toy/other")})
    inspect_template(Template({"Resources": resources}), checkout)


def test_a_project_that_is_told_the_secret_and_does_not_publish_is_named(
    resources: dict[str, Any], checkout: Path
) -> None:
    variables(resources, "Release").append({"Name": "PYPI_SECRET_ID", "Value": "toy/pypi"})
    assert code(resources, checkout) == "rehearsal-granted"


def test_a_project_with_the_publisher_s_role_is_named(
    resources: dict[str, Any], checkout: Path
) -> None:
    role = resources["Publish"]["Properties"]["ServiceRole"]
    resources["Verify"]["Properties"]["ServiceRole"] = role
    assert code(resources, checkout) == "rehearsal-granted"


@pytest.mark.parametrize("role", ["Release", "Prs"])
def test_another_role_that_may_start_the_publisher_is_named(
    resources: dict[str, Any], checkout: Path, role: str
) -> None:
    start = {"Effect": "Allow", "Action": "codebuild:StartBuild", "Resource": "*"}
    grant(resources, role, start)
    assert code(resources, checkout) == "rehearsal-granted"


@pytest.mark.parametrize(
    "action",
    [
        *("codebuild:StartBuildBatch", "codebuild:UpdateProject", "codebuild:RetryBuild"),
        *("codebuild:RetryBuildBatch", "iam:PassRole", "iam:PutRolePolicy"),
        *("iam:AttachRolePolicy", "iam:UpdateAssumeRolePolicy"),
    ],
)
def test_another_role_that_may_take_the_publisher_over_is_named(
    resources: dict[str, Any], checkout: Path, action: str
) -> None:
    grant(resources, "Releases", {"Effect": "Allow", "Action": action, "Resource": "*"})
    assert code(resources, checkout) == "rehearsal-granted"


@pytest.mark.parametrize(
    "principal", [{"Service": "ec2.amazonaws.com"}, {"AWS": {"Fn::GetAtt": ["VerifyRole", "Arn"]}}]
)
def test_others_than_codebuild_who_may_take_on_the_publisher_s_role_are_named(
    resources: dict[str, Any], checkout: Path, principal: dict[str, Any]
) -> None:
    trust = resources["PublishRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    trust.append({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal})
    assert code(resources, checkout) == "rehearsal-granted"


@pytest.mark.parametrize("kind", ["SECRETS_MANAGER", "PARAMETER_STORE"])
def test_a_secret_in_the_environment_is_named(
    resources: dict[str, Any], checkout: Path, kind: str
) -> None:
    variables(resources, "Publish").append(
        {"Name": "TWINE_PASSWORD", "Type": kind, "Value": "toy/pypi:password"}
    )
    assert code(resources, checkout) == "rehearsal-granted"


@pytest.mark.parametrize(
    "kind",
    [
        *("AWS::IAM::User", "AWS::IAM::UserPolicy", "AWS::IAM::Group", "AWS::IAM::GroupPolicy"),
        "AWS::SecretsManager::ResourcePolicy",
    ],
)
def test_a_right_outside_of_roles_is_named(
    resources: dict[str, Any], checkout: Path, kind: str
) -> None:
    resources["Other"] = {"Type": kind}
    assert code(resources, checkout) == "rehearsal-principal"


def test_another_python_in_runtime_versions_is_named(
    resources: dict[str, Any], checkout: Path
) -> None:
    source = resources["Verify"]["Properties"]["Source"]
    source["BuildSpec"] = source["BuildSpec"].replace('"python": "3.12"', '"python": "3.11"')
    assert code(resources, checkout) == "rehearsal-python"


def test_another_python_in_pyenv_version_is_named(
    resources: dict[str, Any], checkout: Path
) -> None:
    rewrite(resources, "Verify", PYENV_VERSION="3.11")
    assert code(resources, checkout) == "rehearsal-python"


def test_the_right_python_in_pyenv_version_passes(
    resources: dict[str, Any], checkout: Path
) -> None:
    rewrite(resources, "Verify", PYENV_VERSION="3.12")
    inspect_template(Template({"Resources": resources}), checkout)


def test_a_session_that_the_noxfile_lacks_is_named(
    resources: dict[str, Any], checkout: Path
) -> None:
    variables(resources, "Verify")[0]["Value"] = "inspect"
    assert code(resources, checkout) == "rehearsal-noxfile"
