"""Who may do what, computed from the policies that the stack makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.template import ACCOUNT, Synthesized, allows, as_list, roles_table

if TYPE_CHECKING:
    from collections.abc import Iterable

READ = {"s3:GetBucket*", "s3:GetObject*", "s3:List*"}
WRITE = {"s3:Abort*", "s3:DeleteObject*", "s3:PutObject", "s3:PutObjectLegalHold"} | {
    f"s3:PutObject{what}" for what in ("Retention", "Tagging", "VersionTagging")
}
BUILD = {"codebuild:BatchGetBuilds", "codebuild:StartBuild", "codebuild:StopBuild"}
WRITE_LOG = {"logs:CreateLogStream", "logs:PutLogEvents"}
CODE = f"arn:aws:codecommit:us-west-2:{ACCOUNT}:sample-package"
FETCH = {"codecommit:UploadArchive", "codecommit:GetUploadArchiveStatus"} | {
    f"codecommit:{what}" for what in ("CancelUploadArchive", "GetBranch", "GetCommit")
}
SECRET = f"arn:aws:secretsmanager:us-west-2:{ACCOUNT}:secret:sample-package/pypi"
READ_SECRET = {"secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"}
REPORT = {"codebuild:CreateReportGroup", "codebuild:CreateReport", "codebuild:UpdateReport"} | {
    f"codebuild:BatchPut{what}" for what in ("TestCases", "CodeCoverages")
}
DELIVER_LOGS = {f"logs:{verb}LogDelivery" for verb in ("Create", "Delete", "Get", "Update")} | {
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
}
DELIVER_LOGS |= {"logs:ListLogDeliveries", "logs:PutResourcePolicy"}

type Table = dict[str, set[str]]


def bucket(name: str, actions: set[str]) -> Table:
    return {f"<{name}>": actions, f"<{name}>/*": actions}


def build(project: str) -> Table:
    """What every build may do: clone the repository, write its log and its reports."""
    logs = f"arn:aws:logs:us-west-2:{ACCOUNT}:log-group:/aws/codebuild/<{project}>"
    groups = f"arn:aws:codebuild:us-west-2:{ACCOUNT}:report-group/<{project}>-*"
    return {
        f"<{project}-log>": WRITE_LOG,
        logs: WRITE_LOG | {"logs:CreateLogGroup"},
        f"{logs}:*": WRITE_LOG | {"logs:CreateLogGroup"},
        CODE: {"codecommit:GitPull"},
        groups: REPORT,
    }


def pipeline(name: str) -> str:
    return f"arn:aws:codepipeline:us-west-2:{ACCOUNT}:<{name}>"


FETCH |= {"codecommit:GetRepository"}
START = {"codepipeline:StartPipelineExecution"}
ROLES: dict[str, Table] = {
    "pull-requests/EventsRole": {pipeline("pull-requests"): START},
    "pull-requests/Role": {
        CODE: FETCH,
        "<pr-validation>": BUILD,
        **bucket("pull-requests-artifacts", READ | WRITE),
    },
    "pr-validation/Role": {
        **build("pr-validation"),
        **bucket("pull-requests-artifacts", READ),
        **bucket("cache", READ | WRITE),
    },
    "pr-comment/EventsRole": {"<pr-comment>": {"states:StartExecution"}},
    "pr-comment/Role": {
        pipeline("pull-requests"): {"codepipeline:GetPipelineExecution"},
        CODE: {"codecommit:PostCommentForPullRequest"},
        "*": DELIVER_LOGS,
    },
    "releases/EventsRole": {pipeline("releases"): START},
    "releases/Role": {
        CODE: FETCH,
        "<release>": BUILD,
        "<publish>": BUILD,
        **bucket("releases-artifacts", READ | WRITE),
    },
    "release/Role": {
        **build("release"),
        **bucket("releases-artifacts", READ | WRITE),
        "not <releases-artifacts>/*/dist/*": {"!s3:PutObject*", "!s3:DeleteObject*"},
    },
    "publish/Role": {
        **build("publish"),
        **bucket("releases-artifacts", READ),
        f"{SECRET}-??????": READ_SECRET,
    },
}


def test_every_role_may_do_this_and_no_more(plain: Synthesized) -> None:
    assert roles_table(plain) == ROLES


def test_an_approval_adds_only_its_announcement(full: Synthesized, plain: Synthesized) -> None:
    added = {
        (role, resource, action)
        for role, rows in roles_table(full).items()
        for resource, actions in rows.items()
        for action in actions
        if action not in {known for row in ROLES[role].values() for known in row}
    }
    assert added == {("releases/Role", "<notifications/topic>", "sns:Publish")}
    assert set(roles_table(full)) == set(roles_table(plain))


def who_may(template: Synthesized, action: str, resource: str) -> set[str]:
    return {
        role
        for role, statements in template.statements().items()
        if allows(statements, action, resource)
    }


def test_only_the_publisher_reads_the_secret_and_only_that_one(plain: Synthesized) -> None:
    read = "secretsmanager:GetSecretValue"
    assert who_may(plain, read, f"{SECRET}-AbCdEf") == {"publish/Role"}
    assert who_may(plain, read, f"{SECRET}-test-AbCdEf") == set()
    assert who_may(plain, read, SECRET.replace("/pypi", "/other-AbCdEf")) == set()
    assert who_may(plain, "secretsmanager:PutSecretValue", f"{SECRET}-AbCdEf") == set()


def test_no_role_of_a_pull_request_reaches_what_a_release_is_made_of(plain: Synthesized) -> None:
    key = "<releases-artifacts>/sample-package-relea/source/AbCdEf"
    assert who_may(plain, "s3:GetObject", key) == {"releases/Role", "release/Role", "publish/Role"}
    assert who_may(plain, "s3:PutObject", key) == {"releases/Role"}
    ours = "<pull-requests-artifacts>/sample-package-pull-/source/AbCdEf"
    assert who_may(plain, "s3:PutObject", ours) == {"pull-requests/Role"}
    assert who_may(plain, "s3:GetObject", ours) == {"pull-requests/Role", "pr-validation/Role"}


def test_a_release_build_hands_over_distributions_and_nothing_else(plain: Synthesized) -> None:
    folder = "<releases-artifacts>/sample-package-relea"
    writers = {"releases/Role", "release/Role"}
    assert who_may(plain, "s3:PutObject", f"{folder}/dist/AbCdEf") == writers
    assert who_may(plain, "s3:PutObjectTagging", f"{folder}/source/AbCdEf") == {"releases/Role"}
    assert who_may(plain, "s3:DeleteObject", f"{folder}/source/AbCdEf") == {"releases/Role"}


def test_only_pull_requests_use_the_cache(plain: Synthesized) -> None:
    assert who_may(plain, "s3:GetObject", "<cache>/x") == {"pr-validation/Role"}
    assert who_may(plain, "s3:PutObject", "<cache>/x") == {"pr-validation/Role"}


def test_only_the_state_machine_comments_and_nobody_approves_or_pushes(plain: Synthesized) -> None:
    assert who_may(plain, "codecommit:PostCommentForPullRequest", CODE) == {"pr-comment/Role"}
    for action in ("UpdatePullRequestApprovalState", "GitPush", "MergePullRequestByFastForward"):
        assert who_may(plain, f"codecommit:{action}", CODE) == set()


# AWS knows no resource for these actions: a log's delivery belongs to no log group.
WITHOUT_RESOURCE = {("pr-comment/Role", frozenset(DELIVER_LOGS))}


@pytest.mark.parametrize("variation", ["plain", "full"])
def test_a_star_stands_for_every_resource_only_where_aws_allows_nothing_else(
    request: pytest.FixtureRequest, variation: str
) -> None:
    template: Synthesized = request.getfixturevalue(variation)
    stars = {
        (role, frozenset(as_list(statement["Action"])))
        for role, statements in template.statements().items()
        for statement in statements
        if "*" in as_list(statement.get("Resource", []))
    }
    assert stars == WITHOUT_RESOURCE


def test_no_role_has_a_policy_that_the_table_does_not_show(plain: Synthesized) -> None:
    services: Iterable[str] = {
        "codebuild.amazonaws.com",
        "codepipeline.amazonaws.com",
        "events.amazonaws.com",
        "states.amazonaws.com",
    }
    for path, role in plain.all("AWS::IAM::Role").items():
        assert set(role) == {"AssumeRolePolicyDocument"}, path
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"]["Service"] in services, path
