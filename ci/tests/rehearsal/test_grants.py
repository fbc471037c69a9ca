"""What the roles of a pipeline must be granted, and that nothing else is asked for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from ci.errors import UserError
from ci.rehearsal.buildspec import read_buildspec
from ci.rehearsal.cloudformation import Template
from ci.rehearsal.grants import require_build, require_source
from ci.tests.rehearsal.toy import add_staging, template

if TYPE_CHECKING:
    from collections.abc import Callable

# Every right that is asked for, and of whom.
RIGHTS = [
    *(("Prs", f"codecommit:{name}") for name in ("GetBranch", "GetCommit", "GetRepository")),
    *(("Prs", f"codecommit:{name}") for name in ("UploadArchive", "GetUploadArchiveStatus")),
    *(("Prs", f"s3:{name}") for name in ("PutObject", "GetObject")),
    *(("Releases", f"codebuild:{name}") for name in ("StartBuild", "BatchGetBuilds")),
    *(("Verify", f"logs:{name}") for name in ("CreateLogStream", "PutLogEvents")),
    ("Verify", "codecommit:GitPull"),
    *(("Verify", f"s3:{name}") for name in ("GetBucketAcl", "GetBucketLocation", "GetObject")),
    ("Build", "s3:PutObject"),
    *(("Release", f"codebuild:{name}") for name in ("CreateReportGroup", "CreateReport")),
    *(("Release", f"codebuild:{name}") for name in ("UpdateReport", "BatchPutTestCases")),
]
CACHE = "arn:aws:s3:::cache/*"


def check(document: dict[str, Any]) -> None:
    """Ask for the rights of every action of every pipeline."""
    found = Template(document)
    projects = {item["Name"]: item for item in resources(found, "CodeBuild::Project")}
    for pipeline in resources(found, "CodePipeline::Pipeline"):
        source, *builds = [each for stage in pipeline["Stages"] for each in stage["Actions"]]
        require_source(found, pipeline, source)
        for action in builds:
            project = projects[action["Configuration"]["ProjectName"]]
            require_build(found, pipeline, action, project, read_buildspec(project))


def resources(found: Template, kind: str) -> list[dict[str, Any]]:
    return list(found.resources(f"AWS::{kind}").values())


def denied(role: str, right: str, resource: str = "*") -> dict[str, Any]:
    """The toy's template, in which the role may not do that."""
    document = template()
    deny(document, role, right, resource)
    return document


def deny(document: dict[str, Any], role: str, right: str, resource: str = "*") -> None:
    policy = document["Resources"][f"{role}Policy"]["Properties"]["PolicyDocument"]
    policy["Statement"].append({"Effect": "Deny", "Action": right, "Resource": resource})


def refused(document: dict[str, Any]) -> str:
    with pytest.raises(UserError, match="rehearsal-forbidden") as raised:
        check(document)
    return raised.value.found


def test_a_stack_with_all_rights_passes() -> None:
    document = template()
    add_staging(document)
    check(document)


@pytest.mark.parametrize(("role", "right"), RIGHTS, ids=[" ".join(each) for each in RIGHTS])
def test_a_right_that_a_role_lacks_is_named(role: str, right: str) -> None:
    assert refused(denied(role, right)).startswith(f"{role}Role may not {right} on arn:aws:")


@pytest.mark.parametrize("right", ["s3:GetObject", "s3:PutObject"])
def test_the_rights_on_the_cache_are_asked_for(right: str) -> None:
    assert refused(denied("Pr", right, CACHE)) == f"PrRole may not {right} on {CACHE[:-1]}key"


def test_coverage_needs_its_own_right_and_no_test_cases() -> None:
    document = denied("Release", "codebuild:BatchPutTestCases")
    source = document["Resources"]["Release"]["Properties"]["Source"]
    spec = json.loads(source["BuildSpec"])
    spec["reports"]["tests"]["file-format"] = "COBERTURAXML"
    source["BuildSpec"] = json.dumps(spec)
    check(document)
    deny(document, "Release", "codebuild:BatchPutCodeCoverages")
    assert "may not codebuild:BatchPutCodeCoverages" in refused(document)


@pytest.mark.parametrize(
    ("role", "right"),
    [
        *(("Prs", right) for right in ("codebuild:StopBuild", "codecommit:CancelUploadArchive")),
        *(("Prs", right) for right in ("s3:List*", "s3:GetBucket*", "s3:GetObjectVersion")),
        *(("Verify", right) for right in ("s3:List*", "s3:PutObject", "s3:GetObjectVersion")),
        *(("Verify", right) for right in ("codebuild:*", "logs:CreateLogGroup")),
    ],
)
def test_what_a_play_can_do_without_is_not_asked_for(role: str, right: str) -> None:
    check(denied(role, right))


def _zip(resources: dict[str, Any]) -> None:
    for name in ("Prs", "Releases"):
        (source,) = resources[name]["Properties"]["Stages"][0]["Actions"]
        del source["Configuration"]["OutputArtifactFormat"]


def _no_log(resources: dict[str, Any]) -> None:
    log = {"CloudWatchLogs": {"Status": "DISABLED"}}
    resources["Verify"]["Properties"]["LogsConfig"] = log


def _local_cache(resources: dict[str, Any]) -> None:
    resources["Pr"]["Properties"]["Cache"] = {"Type": "LOCAL", "Modes": ["LOCAL_CUSTOM_CACHE"]}


@pytest.mark.parametrize(
    ("change", "role", "right", "resource"),
    [
        (_zip, "Prs", "codecommit:GetRepository", "*"),
        (_zip, "Verify", "codecommit:GitPull", "*"),
        (_no_log, "Verify", "logs:*", "*"),
        (_local_cache, "Pr", "s3:*", CACHE),
    ],
    ids=["a zip is not cloned", "nor pulled", "no log", "no cache in S3"],
)
def test_what_a_stack_does_not_use_needs_no_right(
    change: Callable[[dict[str, Any]], None], role: str, right: str, resource: str
) -> None:
    document = denied(role, right, resource)
    refused(document)
    change(document["Resources"])
    check(document)


def test_the_log_is_the_one_that_the_project_names() -> None:
    document = template()
    log = {"CloudWatchLogs": {"GroupName": "elsewhere", "Status": "ENABLED"}}
    document["Resources"]["Verify"]["Properties"]["LogsConfig"] = log
    assert ":log-group:elsewhere:log-stream:build" in refused(document)


def test_an_object_s_key_has_the_beginnings_of_the_names_of_pipeline_and_artifact() -> None:
    document = template()
    releases = document["Resources"]["Releases"]["Properties"]
    releases["Name"] = "releases-of-the-package"
    build = releases["Stages"][1]["Actions"][1]
    build["OutputArtifacts"] = [{"Name": "distributions"}]
    assert refused(document).endswith(
        " s3:PutObject on arn:aws:s3:::Store/releases-of-the-pack/distributi/key"
    )


@pytest.mark.parametrize("index", [0, 1], ids=["source", "build"])
def test_an_action_s_own_role_needs_the_rights_of_what_it_does(index: int) -> None:
    document = template()
    (action,) = document["Resources"]["Prs"]["Properties"]["Stages"][index]["Actions"]
    action["RoleArn"] = {"Fn::GetAtt": ["VerifyRole", "Arn"]}
    right = ("codecommit:GetBranch", "codebuild:StartBuild")[index]
    assert refused(document).startswith(f"VerifyRole may not {right} on ")
