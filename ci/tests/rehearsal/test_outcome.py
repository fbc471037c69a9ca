"""What an execution must come to."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from ci.errors import UserError
from ci.rehearsal import outcome
from ci.rehearsal.codebuild import Build, Failure
from ci.rehearsal.codepipeline import start
from ci.rehearsal.execution import Execution, Step
from ci.rehearsal.notifications import Notification

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_httpserver import HTTPServer

    from ci.rehearsal.rehearsal import Rehearsal

FILES = {"toy-1.0-py3-none-any.whl": b"wheel", "toy-1.0.tar.gz": b"sdist"}
DIGESTS = {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}
PUBLISHER = "arn:aws:iam::123456789012:role/PublishRole"


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    folder = tmp_path / "dist"
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    lines = [f"{digest}  {name}\n" for name, digest in DIGESTS.items()]
    (folder / "SHA256SUMS").write_text("".join(lines))
    return folder


@pytest.fixture
def rehearsal(still: Rehearsal, httpserver: HTTPServer) -> Rehearsal:
    """One whose index shows FILES."""
    for name, content in FILES.items():
        httpserver.expect_request(f"/files/{name}").respond_with_data(content)
    listed = [{"filename": name, "url": f"../../files/{name}"} for name in FILES]
    httpserver.expect_request("/simple/toy/").respond_with_json({"files": listed})
    index = replace(still.index, index_url=httpserver.url_for("/simple/"))
    still.secrets.decide(PUBLISHER, "secretsmanager.GetSecretValue", b'{"SecretId": "toy/pypi"}')
    return replace(still, index=index)


def step(stage: str, action: str, session: str, tmp_path: Path, **more: str) -> Step:
    log = tmp_path / f"{action}.log"
    log.write_text("error[x]: y\nhelp: z\n")
    project = f"toy-{session}"
    environment = {"NOXSESSION": session, "CODEBUILD_BUILD_ID": f"{project}:1", **more}
    made = Step(stage, action, project=project, environment=environment, seconds=1.0, log=log)
    made.build = Build(reports={"tests": []} if session in {"release", "pr"} else {})
    return made


@pytest.fixture
def released(rehearsal: Rehearsal, dist: Path, tmp_path: Path) -> Execution:
    """A release that went through."""
    variables = [{"name": name, "value": "x"} for name in ("SOURCE_COMMIT", "RELEASE_TAG")]
    found = start(rehearsal.account.template, {"name": "Releases", "variables": variables})
    digest = hashlib.sha256((dist / "SHA256SUMS").read_bytes()).hexdigest()
    told = {"CHECK_DIST_SHA256": digest, "BUILD_DIST_SHA256": digest}
    found.artifacts["dist"] = dist
    found.steps += [
        Step("Source", "Source", seconds=0.0),
        step("Build", "Check", "release", tmp_path),
        step("Build", "Build", "build", tmp_path),
        step("Publish", "Publish", "publish", tmp_path, **told),
        step("Verify", "Verify", "verify", tmp_path),
    ]
    return found


def test_a_release_that_went_through_is_what_is_on_the_index(
    rehearsal: Rehearsal, released: Execution
) -> None:
    assert outcome.check_release(rehearsal, released) == DIGESTS


def code(rehearsal: Rehearsal, execution: Execution) -> str:
    with pytest.raises(UserError) as raised:
        outcome.check_release(rehearsal, execution)
    return raised.value.code


def test_a_step_that_failed_is_named_with_its_reason(
    rehearsal: Rehearsal, released: Execution
) -> None:
    released.steps[4].failure = Failure("BUILD", "nox", "exit code 1")
    with pytest.raises(UserError, match="Verify failed in BUILD: nox: exit code 1"):
        outcome.check_release(rehearsal, released)


def test_other_bytes_on_the_index_are_named(
    rehearsal: Rehearsal, released: Execution, dist: Path
) -> None:
    text = (dist / "SHA256SUMS").read_text()
    (dist / "toy-1.0.tar.gz").write_bytes(b"other")
    other = hashlib.sha256(b"other").hexdigest()
    (dist / "SHA256SUMS").write_text(text.replace(DIGESTS["toy-1.0.tar.gz"], other))
    assert code(rehearsal, released) == "rehearsal-index"


def test_an_empty_staging_index_is_named(
    rehearsal: Rehearsal, released: Execution, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/staging/toy/").respond_with_data("none", status=404)
    staging = replace(rehearsal.index, index_url=httpserver.url_for("/staging/"))
    assert code(replace(rehearsal, staging=staging), released) == "rehearsal-index"


@pytest.mark.parametrize("name", ["CHECK_DIST_SHA256", "BUILD_DIST_SHA256"])
def test_a_publisher_that_is_told_another_digest_is_named(
    rehearsal: Rehearsal, released: Execution, name: str
) -> None:
    publish = released.steps[3]
    publish.environment = {**publish.environment, name: "0" * 64}
    assert code(rehearsal, released) == "rehearsal-digests"


@pytest.mark.parametrize(
    "change",
    [
        lambda steps: steps.pop(),
        lambda steps: steps.pop(2),
        lambda steps: setattr(steps[2], "order", 2),
        lambda steps: steps.append(steps[3]),
    ],
    ids=["no verify", "no second build", "one after the other", "published twice"],
)
def test_other_sessions_than_those_of_a_release_are_named(
    rehearsal: Rehearsal,
    released: Execution,
    change: Any,  # noqa: ANN401 - of a list of steps
) -> None:
    change(released.steps)
    assert code(rehearsal, released) == "rehearsal-sessions"


def test_a_staged_release_publishes_and_verifies_twice_with_the_same_digests(
    rehearsal: Rehearsal, released: Execution
) -> None:
    staged = [replace(each, stage="Staging") for each in released.steps[3:]]
    staged[1].order = 2
    released.steps[3:3] = staged
    assert outcome.check_release(rehearsal, released) == DIGESTS
    publish = released.steps[-2]
    publish.environment = {**publish.environment, "BUILD_DIST_SHA256": "0" * 64}
    assert code(rehearsal, released) == "rehearsal-digests"


def test_a_release_without_reports_is_named(rehearsal: Rehearsal, released: Execution) -> None:
    released.steps[1].build = Build()
    assert code(rehearsal, released) == "rehearsal-reports"


def test_another_reader_of_the_secret_is_named(rehearsal: Rehearsal, released: Execution) -> None:
    role = "arn:aws:iam::123456789012:role/VerifyRole"
    rehearsal.secrets.decide(role, "secretsmanager.GetSecretValue", b'{"SecretId": "toy/pypi"}')
    assert code(rehearsal, released) == "rehearsal-readers"


def test_a_publisher_that_never_asked_is_named(rehearsal: Rehearsal, released: Execution) -> None:
    rehearsal.secrets.requests.clear()
    assert code(rehearsal, released) == "rehearsal-readers"


@pytest.fixture
def validated(still: Rehearsal, tmp_path: Path) -> Execution:
    """A validation that went well."""
    names = ("SOURCE_COMMIT", "DESTINATION_COMMIT", "PULL_REQUEST_ID")
    variables = [{"name": name, "value": str(number)} for number, name in enumerate(names)]
    found = start(still.account.template, {"name": "Prs", "variables": variables})
    found.steps += [Step("Source", "Source"), step("Validate", "Validate", "pr", tmp_path)]
    return found


def test_a_validation_went_well_with_reports_and_a_comment(
    still: Rehearsal, validated: Execution
) -> None:
    outcome.check_pull_request(still, validated)
    assert outcome.told(still, validated) == [Notification("pull request 2", "0 SUCCEEDED")]


def test_a_validation_that_failed_is_named(still: Rehearsal, validated: Execution) -> None:
    validated.steps[1].failure = Failure("BUILD", "nox", "exit code 1")
    with pytest.raises(UserError, match="rehearsal-stopped"):
        outcome.check_pull_request(still, validated)


@pytest.mark.parametrize("check", [outcome.check_pull_request, outcome.check_night])
def test_a_validation_and_a_night_read_no_secret(
    still: Rehearsal, validated: Execution, check: Callable[[Rehearsal, Execution], None]
) -> None:
    still.secrets.decide(PUBLISHER, "secretsmanager.GetSecretValue", b'{"SecretId": "toy/pypi"}')
    with pytest.raises(UserError, match="rehearsal-readers"):
        check(still, validated)


def test_what_is_known_of_an_execution_are_its_steps_with_their_times_their_exports_and_logs(
    still: Rehearsal, released: Execution, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcome, "notifications", lambda _template, _event, known: [known])
    released.steps[2].build = Build(exported={"DIST_FILES": "a;"})
    released.steps[4].failure = Failure("BUILD", "nox", "exit code 1")
    known: Any = outcome.told(still, released)[0]
    assert [(each["ActionName"], each["Status"]) for each in known.actions] == [
        *((name, "Succeeded") for name in ("Source", "Check", "Build", "Publish")),
        ("Verify", "Failed"),
    ]
    times = [each["StartTime"] for each in known.actions]
    assert times == sorted(set(times))
    assert known.actions[2]["Output"] == {
        "ExecutionResult": {"ExternalExecutionId": "toy-build:1"},
        "OutputVariables": {"DIST_FILES": "a;"},
    }
    log = ["error[x]: y\n", "help: z\n"]
    assert known.logs["/aws/codebuild/toy-verify", "1"] == log


def test_a_validation_may_be_in_parts(
    still: Rehearsal, validated: Execution, tmp_path: Path
) -> None:
    parts = [step("V", name, name, tmp_path) for name in ("checks", "tests", "coverage")]
    validated.steps[1:] = [*parts, validated.steps[1]]
    validated.steps[-1].environment = {"NOXSESSION": "tests_all-3.9", "CODEBUILD_BUILD_ID": "x:1"}
    outcome.check_pull_request(still, validated)
    del validated.steps[1]
    with pytest.raises(UserError, match="rehearsal-sessions"):
        outcome.check_pull_request(still, validated)


def test_a_validation_without_a_comment_is_named(still: Rehearsal, validated: Execution) -> None:
    del still.account.template.document["Resources"]["CommentRule"]
    with pytest.raises(UserError, match="makes 0 comments"):
        outcome.check_pull_request(still, validated)


def test_a_night_is_green_or_named(still: Rehearsal, tmp_path: Path) -> None:
    night = Execution({"Name": "Nights"}, {"variables": {}})
    night.steps.append(step("Nightly", "Nightly", "nightly", tmp_path))
    outcome.check_night(still, night)
    night.steps[0].failure = Failure("BUILD", "nox", "exit code 1")
    with pytest.raises(UserError, match="rehearsal-stopped"):
        outcome.check_night(still, night)
