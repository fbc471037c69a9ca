"""What each role can do, computed from the policies that the stack makes."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from app import HERE
from ci.rehearsal.buildspec import read_buildspec
from ci.rehearsal.grants import require_build, require_source
from ci.rehearsal.iam import may, statements
from tests.conftest import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ci.rehearsal.cloudformation import Template

type Rights = set[tuple[str, str, str]]  # role, action, resource

# How SECURITY.md calls a resource, and its ARN in the stack of sample-package.
WHERE = "us-west-2:123456789012"
RESOURCES = {
    r"(?:in )?the repository": f"arn:aws:codecommit:{WHERE}:sample-package",
    r"the pipeline (\S+)": rf"arn:aws:codepipeline:{WHERE}:sample-package-\1",
    r"the project (\S+)": rf"arn:aws:codebuild:{WHERE}:project/sample-package-\1",
    r"(?:to )?the log of (\S+)": (
        rf"arn:aws:logs:{WHERE}:log-group:/aws/codebuild/sample-package-\1:*"
    ),
    r"to the report groups of (\S+)": (
        rf"arn:aws:codebuild:{WHERE}:report-group/sample-package-\1-*"
    ),
    r"the state machine (\S+)": rf"arn:aws:states:{WHERE}:stateMachine:sample-package-\1",
    r"the secret (\S+)": rf"arn:aws:secretsmanager:{WHERE}:secret:sample-package/\1-??????",
    r"to the topic (\S+)": rf"arn:aws:sns:{WHERE}:notifications/\1",
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


def cells(heading: str) -> list[list[str]]:
    """The rows of the tables below a heading of SECURITY.md."""
    page = (HERE.parent / "SECURITY.md").read_text(encoding="utf-8")
    section = page.partition(f"\n{heading}\n")[2].partition("\n#")[0]
    return [line.strip("| ").split(" | ") for line in section.splitlines() if " | " in line]


def read_rights(role: str, rights_of_it: str) -> Rights:
    """A cell such as "clone the repository; log to the log of `build`", in actions and ARNs."""
    verbs = {row[0]: re.findall(r"`([^`]+)`", row[1]) for row in cells(VERBS)}
    return {
        (role.strip("`"), action, arn_of(resource.replace("`", "")))
        for verb, resource in (right.split(" ", 1) for right in rights_of_it.split("; "))
        for action in verbs[verb]
    }


def arn_of(words: str) -> str:
    for pattern, arn in RESOURCES.items():
        match = re.fullmatch(pattern, words)
        if match:
            return match.expand(arn)
    pytest.fail(f"SECURITY.md calls a resource {words!r}, which stands for nothing")


ROLES, VERBS, ADDED = (
    "## What each role can do",
    "### What the verbs stand for",
    "### What a setting adds",
)


def test_security_lists_every_right_of_every_role_and_no_other(plain: Template) -> None:
    rows = [row for row in cells(ROLES) if len(row) == 3 and row[0].startswith("`")]
    assert len(rows) == len(plain.resources("AWS::IAM::Role"))
    found = {(in_the_console(role), action, resource) for role, action, resource in rights(plain)}
    assert len(found) > 80
    assert found == set().union(*(read_rights(role, of_it) for role, _, of_it in rows))


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_setting_adds_these_rights_and_no_others(
    plain: Template, synthesize: Callable[[str, str], Template], setting: str
) -> None:
    template = synthesize("sample-package", setting)
    rows = [row for row in cells(ADDED) if row[0].startswith(f"`{setting}`")]
    listed = set().union(*(read_rights(role, of_it) for _, role, of_it in rows if of_it != "none"))
    added = rights(template) - rights(plain)
    assert {(in_the_console(role), *rest) for role, *rest in added} == listed
    new = set(map(template.path, template.resources("AWS::IAM::Role")))
    new -= set(map(plain.path, plain.resources("AWS::IAM::Role")))
    assert {in_the_console(path) for path in new} <= {role.strip("`") for _, role, _ in rows}


def test_every_shard_is_written_by_the_tests_and_read_by_the_coverage(full: Template) -> None:
    for number in (1, 2, 3, 4):
        artifact = f"arn:aws:s3:::pull-requests-artifacts/other-package-pull-r/shard{number}/AbCdEf"
        for action, role in (("Put", "pr-tests-role"), ("Get", "pr-coverage-role")):
            assert holders(full, f"s3:{action}Object", artifact) == {"pull-requests/Role", role}


def test_a_setting_that_is_off_leaves_nothing_behind(
    plain: Template, synthesize: Callable[[str, str], Template]
) -> None:
    paths = set(map(plain.path, plain.document["Resources"]))
    fewer = synthesize("sample-package", "fewer-in-china")
    assert paths - set(map(fewer.path, fewer.document["Resources"])) == {
        *("pr-tests", "pr-tests-log", "pr-tests-role", "pr-tests-role/DefaultPolicy")
    }
    for setting in SETTINGS:
        more = synthesize("sample-package", setting)
        assert paths <= set(map(more.path, more.document["Resources"]))
    for word in ("Approve", "Chatbot", "EmailSubscription", "SHARDS", "nights", "testpypi"):
        assert word not in json.dumps(plain.document)


def holders(template: Template, action: str, resource: str) -> set[str]:
    """The paths of the roles that may do that."""
    return {
        template.path(name)
        for name in template.resources("AWS::IAM::Role")
        if may(template, template.arn(name), action, resource)
    }


SECRET = arn_of("the secret pypi").removesuffix("-??????")
CODE = arn_of("the repository")


def test_only_the_publisher_reads_the_secret_and_only_that_one(plain: Template) -> None:
    read = "secretsmanager:GetSecretValue"
    assert holders(plain, read, f"{SECRET}-AbCdEf") == {"publish-role"}
    assert holders(plain, read, f"{SECRET}-test-AbCdEf") == set()
    assert holders(plain, read, SECRET.replace("/pypi", "/other-AbCdEf")) == set()
    assert holders(plain, "secretsmanager:PutSecretValue", f"{SECRET}-AbCdEf") == set()


def test_each_publisher_reads_its_own_secret(
    synthesize: Callable[[str, str], Template],
) -> None:
    template = synthesize("sample-package", "staging")
    read = "secretsmanager:GetSecretValue"
    assert holders(template, read, f"{SECRET}-AbCdEf") == {"publish-role"}
    staging = SECRET.replace("/pypi", "/testpypi-AbCdEf")
    assert holders(template, read, staging) == {"staging-role"}


RELEASE = "arn:aws:s3:::releases-artifacts/sample-package-relea"
VALIDATORS = {"pr-validation-role", "pr-tests-role"}
BUILDERS = {"release-role", "build-role", "publish-role", "verify-role"}


def test_no_role_of_a_pull_request_reaches_what_a_release_is_made_of(plain: Template) -> None:
    for action in ("s3:GetObject", "s3:PutObject", "s3:DeleteObject"):
        for name in ("source", "dist"):
            found = holders(plain, action, f"{RELEASE}/{name}/AbCdEf")
            assert found <= {"releases/Role", *BUILDERS}
    ours = "arn:aws:s3:::pull-requests-artifacts/sample-package-pull-/source/AbCdEf"
    assert holders(plain, "s3:PutObject", ours) == {"pull-requests/Role"}
    assert holders(plain, "s3:GetObject", ours) == {"pull-requests/Role", *VALIDATORS}


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


def test_no_build_lists_the_artifacts(template: Template) -> None:
    for name in template.by_path("AWS::CodePipeline::Pipeline"):
        bucket = template.arn_of("s3", f"{name}-artifacts")
        assert holders(template, "s3:ListBucket", bucket) == {f"{name}/Role"}
        assert holders(template, "s3:ListBucketVersions", bucket) == {f"{name}/Role"}


def test_only_pull_requests_use_their_cache(template: Template) -> None:
    for action in ("s3:GetObject", "s3:PutObject"):
        found = holders(template, action, template.arn_of("s3", "cache/x"))
        assert {"pr-validation-role"} <= found <= VALIDATORS
        nightly = template.arn_of("s3", "nightly-cache/x")
        assert holders(template, action, nightly) <= {"nightly-role"}


def test_each_action_has_the_rights_that_it_needs(template: Template) -> None:
    projects = template.by_path("AWS::CodeBuild::Project").values()
    by_name = {project["Name"]: project for project in projects}
    looked_at = set()
    for pipeline in template.by_path("AWS::CodePipeline::Pipeline").values():
        source, *others = [each for stage in pipeline["Stages"] for each in stage["Actions"]]
        require_source(template, pipeline, source)
        for action in others:
            if action["ActionTypeId"]["Provider"] == "CodeBuild":
                project = by_name[action["Configuration"]["ProjectName"]]
                require_build(template, pipeline, action, project, read_buildspec(project))
                looked_at.add(project["Name"])
    assert looked_at == by_name.keys()


def test_only_the_state_machine_comments_and_nobody_approves_or_pushes(plain: Template) -> None:
    assert holders(plain, "codecommit:PostCommentForPullRequest", CODE) == {"pr-comment/Role"}
    for action in ("UpdatePullRequestApprovalState", "GitPush", "MergePullRequestByFastForward"):
        assert holders(plain, f"codecommit:{action}", CODE) == set()


def test_no_role_starts_a_build_but_its_pipeline_s(full: Template) -> None:
    for project in full.by_path("AWS::CodeBuild::Project").values():
        arn = f"arn:aws:codebuild:eu-central-1:123456789012:project/{project['Name']}"
        users = {
            f"{path}/Role"
            for path, pipeline in full.by_path("AWS::CodePipeline::Pipeline").items()
            if f'"{project["Name"]}"' in json.dumps(pipeline["Stages"])
        }
        assert len(users) == 1
        assert holders(full, "codebuild:StartBuild", arn) == users


def test_a_right_covers_all_resources_only_if_aws_has_no_narrower_one(
    template: Template,
) -> None:
    stars = {
        (role, action)
        for role, statement in all_statements(template)
        for action in as_list(statement["Action"])
        if "*" in as_list(statement["Resource"])
    }
    assert {role for role, _ in stars} == {"pr-comment/Role", "announcement/Role"}
    assert all(
        re.fullmatch(r"logs:\w*(LogDeliver|ResourcePolic|LogGroups)\w*", a) for _, a in stars
    )


def test_no_role_has_a_policy_that_the_table_does_not_show(full: Template) -> None:
    names = ("chatbot", "codebuild", "codepipeline", "events", "states")
    services = {f"{name}.amazonaws.com" for name in names}
    for path, role in full.by_path("AWS::IAM::Role").items():
        assert set(role) == {"AssumeRolePolicyDocument"}, path
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"]["Service"] in services, path
    for _, statement in all_statements(full):
        assert set(statement) == {"Action", "Effect", "Resource"}
