"""Check that the roles behind an action may do what AWS needs them for.

What is needed is in the CodePipeline user guide ("Manage the CodePipeline service role", and the
references of the actions CodeCommit and CodeBuild) and in CodeBuild's ("Allow CodeBuild to interact
with other AWS services", "Test report permissions"). Rights that a play can do without, such as
stopping a build, are not asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ci.rehearsal.iam import require

if TYPE_CHECKING:
    from ci.rehearsal.buildspec import Buildspec
    from ci.rehearsal.cloudformation import Template

    Need = tuple[str, str, str]  # a role, what it does, and to which resource

_REPORT = ("codebuild:CreateReportGroup", "codebuild:CreateReport", "codebuild:UpdateReport")
_RIGHTS = {
    # of the pipeline's role, or of the action's own
    "fetch": (
        *("codecommit:GetBranch", "codecommit:GetCommit"),
        *("codecommit:UploadArchive", "codecommit:GetUploadArchiveStatus"),
    ),
    "hand over a clone": ("codecommit:GetRepository",),
    "store": ("s3:PutObject", "s3:GetObject"),
    "run": ("codebuild:StartBuild", "codebuild:BatchGetBuilds"),
    # of the project's role
    "log": ("logs:CreateLogStream", "logs:PutLogEvents"),
    "clone": ("codecommit:GitPull",),
    "locate": ("s3:GetBucketAcl", "s3:GetBucketLocation"),
    "read": ("s3:GetObject",),
    "write": ("s3:PutObject",),
    "cache": ("s3:GetObject", "s3:PutObject"),
    "report tests": (*_REPORT, "codebuild:BatchPutTestCases"),
    "report coverage": (*_REPORT, "codebuild:BatchPutCodeCoverages"),
}


def require_source(template: Template, pipeline: dict[str, Any], action: dict[str, Any]) -> None:
    """Raise UserError for a right that the source action needs and is not granted."""
    role, code = _role(pipeline, action), _repository(template, action)
    needs = [(role, "fetch", code)]
    if _is_clone(action):
        needs.append((role, "hand over a clone", code))
    made = [item["Name"] for item in action["OutputArtifacts"]]
    needs += [(pipeline["RoleArn"], "store", _key(template, pipeline, name)) for name in made]
    _require(template, needs)


def require_build(
    template: Template,
    pipeline: dict[str, Any],
    action: dict[str, Any],
    project: dict[str, Any],
    spec: Buildspec,
) -> None:
    """Raise UserError for a right that the action or its build needs and is not granted."""
    role = project["ServiceRole"]
    taken, made = (
        [item["Name"] for item in action.get(kind, [])]
        for kind in ("InputArtifacts", "OutputArtifacts")
    )
    needs = [
        (
            _role(pipeline, action),
            "run",
            template.arn_of("codebuild", f"project/{project['Name']}"),
        ),
        *((role, "log", stream) for stream in _log_streams(template, project)),
        *((role, "clone", code) for code in _cloned(template, pipeline, taken)),
        (role, "locate", template.arn_of("s3", pipeline["ArtifactStore"]["Location"])),
        *((role, "read", _key(template, pipeline, name)) for name in taken),
        *((role, "write", _key(template, pipeline, name)) for name in made),
        *((role, "cache", key) for key in _cached(template, project)),
    ]
    for name, report in spec.reports.items():
        kind = "coverage" if report.is_coverage else "tests"
        group = template.arn_of("codebuild", f"report-group/{project['Name']}-{name}")
        needs.append((role, f"report {kind}", group))
    _require(template, needs)


def _require(template: Template, needs: list[Need]) -> None:
    for role, verb, resource in needs:
        for right in _RIGHTS[verb]:
            require(template, role, right, resource)


def _role(pipeline: dict[str, Any], action: dict[str, Any]) -> str:
    """The role that does the action: its own, if it has one."""
    return str(action.get("RoleArn", pipeline["RoleArn"]))


def _repository(template: Template, source: dict[str, Any]) -> str:
    return template.arn_of("codecommit", source["Configuration"]["RepositoryName"])


def _is_clone(source: dict[str, Any]) -> bool:
    return "CODEBUILD_CLONE_REF" in source["Configuration"].values()


def _cloned(template: Template, pipeline: dict[str, Any], taken: list[str]) -> list[str]:
    """The repositories that a build clones, as one of the artifacts that it takes stands for it."""
    return [
        _repository(template, source)
        for source in pipeline["Stages"][0]["Actions"]
        if _is_clone(source) and any(item["Name"] in taken for item in source["OutputArtifacts"])
    ]


def _key(template: Template, pipeline: dict[str, Any], artifact: str) -> str:
    """One of the objects that an artifact of that name may be."""
    store = template.arn_of("s3", pipeline["ArtifactStore"]["Location"])
    return f"{store}/{pipeline['Name'][:20]}/{artifact[:10]}/key"


def _cached(template: Template, project: dict[str, Any]) -> list[str]:
    """One of the objects of the project's cache, if it has one in S3."""
    cache = project.get("Cache", {})
    if cache.get("Type") != "S3":
        return []
    return [template.arn_of("s3", f"{cache['Location']}/key")]


def _log_streams(template: Template, project: dict[str, Any]) -> list[str]:
    """One of the streams of the project's log, unless it keeps none in CloudWatch."""
    log = project.get("LogsConfig", {}).get("CloudWatchLogs", {})
    if log.get("Status") == "DISABLED":
        return []
    group = log.get("GroupName", f"/aws/codebuild/{project['Name']}")
    return [template.arn_of("logs", f"log-group:{group}:log-stream:build")]
