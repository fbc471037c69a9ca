"""What each role can do, computed from the policies that the stack makes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from app import HERE
from ci.rehearsal.iam import may, statements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ci.rehearsal.cloudformation import Template

type Rights = set[tuple[str, str, str]]  # role, action, resource

# How SECURITY.md calls a resource, and its ARN in the stack of sample-package.
WHERE = "us-west-2:123456789012"
RESOURCES = {
    r"(?:in )?the repository": f"arn:aws:codecommit:{WHERE}:sample-package",
    r"the pipeline (\S+)": rf"arn:aws:codepipeline:{WHERE}:sample-package-\1",
    r"the project (\S+)": rf"arn:aws:codebuild:{WHERE}:project/sample-package-\1",
    r"to the log of (\S+)": rf"arn:aws:logs:{WHERE}:log-group:/aws/codebuild/sample-package-\1:*",
    r"to the report groups of (\S+)": (
        rf"arn:aws:codebuild:{WHERE}:report-group/sample-package-\1-*"
    ),
    r"the state machine": f"arn:aws:states:{WHERE}:stateMachine:sample-package-pr-comment",
    r"the secret": f"arn:aws:secretsmanager:{WHERE}:secret:sample-package/pypi-??????",
    r"the bucket (\S+)": r"arn:aws:s3:::\1",
    r"all objects in (\S+)": r"arn:aws:s3:::\1/*",
    r"the artifact (\S+) in (\S+)": r"arn:aws:s3:::\2/*/\1/*",
    r"logs anywhere": "*",
}


def rights(template: Template) -> Rights:
    """Every right of every role; a denied one has a `!`."""
    return {
        (path, ("" if statement["Effect"] == "Allow" else "!") + action, resource)
        for path, statement in all_statements(template)
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    }


def all_statements(template: Template) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each statement with the path of its role."""
    for name in template.resources("AWS::IAM::Role"):
        for statement in statements(template, template.arn(name)):
            yield template.path(name), statement


def as_list(value: Any) -> list[Any]:  # noqa: ANN401 - JSON
    return value if isinstance(value, list) else [value]


def in_the_console(path: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "", path)


def told() -> Rights:
    """The rights that SECURITY.md lists: a row a role, in verbs, and a row for each verb."""
    page = (HERE.parent / "SECURITY.md").read_text(encoding="utf-8")
    section = page.partition("## What each role can do\n")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if " | " in line]
    verbs = {row[0]: re.findall(r"`([^`]+)`", row[1]) for row in rows}
    return {
        (role.strip("`"), action, arn_of(resource.replace("`", "")))
        for role, _, rights_of_it in (row for row in rows if row[0].endswith("ole`"))
        for verb, resource in (right.split(" ", 1) for right in rights_of_it.split("; "))
        for action in verbs[verb]
    }


def arn_of(words: str) -> str:
    for pattern, arn in RESOURCES.items():
        match = re.fullmatch(pattern, words)
        if match:
            return match.expand(arn)
    pytest.fail(f"SECURITY.md calls a resource {words!r}, which stands for nothing")


def test_security_lists_every_right_of_every_role_and_no_other(plain: Template) -> None:
    found = {(in_the_console(role), action, resource) for role, action, resource in rights(plain)}
    assert len(found) > 80
    assert found == told()


# What a setting adds to which role.
ADDED = {"full": {("releases/Role", "sns:Publish")}}


def test_a_setting_adds_only_what_it_needs(template: Template, plain: Template) -> None:
    def without_names(found: Rights) -> set[tuple[str, str]]:
        return {(role, action) for role, action, _ in found}

    added = without_names(rights(template)) - without_names(rights(plain))
    assert added in ({("releases/Role", "sns:Publish")}, set())
    assert without_names(rights(plain)) <= without_names(rights(template))


def holders(template: Template, action: str, resource: str) -> set[str]:
    """The paths of the roles that may do that."""
    return {
        template.path(name)
        for name in template.resources("AWS::IAM::Role")
        if may(template, template.arn(name), action, resource)
    }


SECRET = RESOURCES["the secret"].removesuffix("-??????")
CODE = RESOURCES["(?:in )?the repository"]


def test_only_the_publisher_reads_the_secret_and_only_that_one(plain: Template) -> None:
    read = "secretsmanager:GetSecretValue"
    assert holders(plain, read, f"{SECRET}-AbCdEf") == {"publish-role"}
    assert holders(plain, read, f"{SECRET}-test-AbCdEf") == set()
    assert holders(plain, read, SECRET.replace("/pypi", "/other-AbCdEf")) == set()
    assert holders(plain, "secretsmanager:PutSecretValue", f"{SECRET}-AbCdEf") == set()


RELEASE = "arn:aws:s3:::releases-artifacts/sample-package-relea"
BUILDERS = {"release-role", "build-role", "publish-role", "verify-role"}


def test_no_role_of_a_pull_request_reaches_what_a_release_is_made_of(plain: Template) -> None:
    for action in ("s3:GetObject", "s3:PutObject", "s3:DeleteObject"):
        for name in ("source", "dist"):
            found = holders(plain, action, f"{RELEASE}/{name}/AbCdEf")
            assert found <= {"releases/Role", *BUILDERS}
    ours = "arn:aws:s3:::pull-requests-artifacts/sample-package-pull-/source/AbCdEf"
    assert holders(plain, "s3:PutObject", ours) == {"pull-requests/Role"}
    assert holders(plain, "s3:GetObject", ours) == {"pull-requests/Role", "pr-validation-role"}


def test_only_build_hands_over_distributions_and_it_hands_over_nothing_else(
    plain: Template,
) -> None:
    assert holders(plain, "s3:PutObject", f"{RELEASE}/dist/AbCdEf") == {
        "releases/Role",
        "build-role",
    }
    for action in ("s3:PutObject", "s3:PutObjectTagging", "s3:DeleteObject"):
        assert holders(plain, action, f"{RELEASE}/source/AbCdEf") == {"releases/Role"}
    assert holders(plain, "s3:DeleteObject", f"{RELEASE}/dist/AbCdEf") == {"releases/Role"}


def test_publish_and_verify_read_the_source_and_the_distributions(plain: Template) -> None:
    readers = {"releases/Role", "publish-role", "verify-role"}
    assert holders(plain, "s3:GetObject", f"{RELEASE}/dist/AbCdEf") == readers
    assert holders(plain, "s3:GetObject", f"{RELEASE}/source/AbCdEf") == readers | BUILDERS
    assert holders(plain, "s3:GetObject", f"{RELEASE}/else/AbCdEf") == {"releases/Role"}


def test_no_build_lists_the_artifacts(plain: Template) -> None:
    for name in ("releases", "pull-requests"):
        bucket = f"arn:aws:s3:::{name}-artifacts"
        assert holders(plain, "s3:ListBucket", bucket) == {f"{name}/Role"}
        assert holders(plain, "s3:ListBucketVersions", bucket) == {f"{name}/Role"}


def test_only_pull_requests_use_the_cache(plain: Template) -> None:
    for action in ("s3:GetObject", "s3:PutObject"):
        assert holders(plain, action, "arn:aws:s3:::cache/x") == {"pr-validation-role"}


def test_only_the_state_machine_comments_and_nobody_approves_or_pushes(plain: Template) -> None:
    assert holders(plain, "codecommit:PostCommentForPullRequest", CODE) == {"pr-comment/Role"}
    for action in ("UpdatePullRequestApprovalState", "GitPush", "MergePullRequestByFastForward"):
        assert holders(plain, f"codecommit:{action}", CODE) == set()


def test_no_role_starts_a_build_but_a_pipeline_s(plain: Template) -> None:
    for name, project in plain.by_path("AWS::CodeBuild::Project").items():
        arn = f"arn:aws:codebuild:{WHERE}:project/{project['Name']}"
        pipeline = "pull-requests" if name == "pr-validation" else "releases"
        assert holders(plain, "codebuild:StartBuild", arn) == {f"{pipeline}/Role"}


def test_a_star_stands_for_every_resource_only_where_aws_allows_nothing_else(
    template: Template,
) -> None:
    stars = {
        (role, action)
        for role, statement in all_statements(template)
        for action in as_list(statement["Action"])
        if "*" in as_list(statement["Resource"])
    }
    assert {role for role, _ in stars} == {"pr-comment/Role"}
    assert all(
        re.fullmatch(r"logs:\w*(LogDeliver|ResourcePolic|LogGroups)\w*", a) for _, a in stars
    )


def test_no_role_has_a_policy_that_the_table_does_not_show(plain: Template) -> None:
    services = {
        f"{name}.amazonaws.com" for name in ("codebuild", "codepipeline", "events", "states")
    }
    for path, role in plain.by_path("AWS::IAM::Role").items():
        assert set(role) == {"AssumeRolePolicyDocument"}, path
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"]["Service"] in services, path
        assert all(
            "NotResource" not in s and "NotAction" not in s for _, s in all_statements(plain)
        )
