"""The pipeline player, held to what the CodePipeline user guide says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from ci.checkout.git import git
from ci.errors import UserError
from ci.rehearsal.account import Account
from ci.rehearsal.cloudformation import Template
from ci.rehearsal.codepipeline import play, start
from ci.rehearsal.container import laptop
from ci.tests.rehearsal.toy import make_toy, template

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ci.rehearsal.execution import Execution

    Run = Callable[..., Execution]

_BUILDSPEC = """
version: 0.2
env: {exported-variables: [MADE]}
phases: {build: {commands: ['%s', 'mkdir -p dist; echo $PWD >dist/made', 'export MADE=yes']}}
artifacts: {base-directory: dist, files: ["**/*"]}
"""


@pytest.fixture
def document() -> dict[str, Any]:
    """The toy's template; a test may edit it before it runs."""
    return template()


@pytest.fixture
def releases(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["Resources"]["Releases"]["Properties"]
    return found


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_toy(tmp_path / "repository")


@pytest.fixture
def run(document: dict[str, Any], repository: Path, tmp_path: Path) -> Run:
    """Play the toy's release pipeline with a buildspec of one command."""

    def run(command: str = "true", request: dict[str, Any] | None = None) -> Execution:
        (repository / "buildspec.yml").write_text(_BUILDSPEC % command)
        author = ("-c", "user.name=Toy", "-c", "user.email=toy@example.com")
        git(repository, *author, "commit", "--quiet", "--all", "--message", "Build so")
        account = Account(Template(document), tmp_path, repository)
        asked = request or {}
        given = {"SOURCE_COMMIT": "abc", "RELEASE_TAG": "v1", **asked.get("variables", {})}
        execution = start(
            account.template,
            {
                "name": "Releases",
                **asked,
                "variables": [{"name": name, "value": text} for name, text in given.items()],
            },
        )
        play(execution, account)
        return execution

    return run


def said(execution: Execution, step: int) -> list[str]:
    """What a step's commands printed."""
    log = execution.steps[step].log
    lines = log.read_text().splitlines() if log else []
    return [line for line in lines if not line.startswith("[Container]")]


def test_stages_are_played_in_their_order_until_one_fails(run: Run) -> None:
    execution = run("test $NOXSESSION != publish")
    assert [step.stage for step in execution.steps] == ["Source", "Build", "Publish"]
    assert execution.failed is execution.steps[2]


def test_the_source_is_the_branch_s_head_unless_a_revision_overrides_it(
    run: Run, repository: Path
) -> None:
    first = git(repository, "rev-parse", "HEAD")
    override = {"actionName": "Source", "revisionType": "COMMIT_ID", "revisionValue": first}
    assert run().steps[0].commit == git(repository, "rev-parse", "HEAD")
    execution = run("false", {"sourceRevisions": [override]})
    assert execution.steps[0].commit == first
    assert execution.failed is not None  # the first commit's buildspec asks for another nox


def test_a_full_clone_has_tags_history_and_branches_and_a_detached_head(
    run: Run, repository: Path
) -> None:
    git(repository, "tag", "v0")
    execution = run(
        "git tag; git rev-list --count HEAD; git branch -r; git symbolic-ref -q HEAD; :"
    )
    assert said(execution, 1) == ["v0", "2", "  origin/HEAD -> origin/main", "  origin/main"]


def test_a_zip_has_files_only(run: Run, releases: dict[str, Any]) -> None:
    del releases["Stages"][0]["Actions"][0]["Configuration"]["OutputArtifactFormat"]
    assert said(run("ls -a"), 1)[2:] == [
        "buildspec.yml",
        "cdk",
        "pyproject.toml",
        "src",
        "tests",
        "tools",
    ]


def test_the_action_s_variables_win_over_the_project_s(run: Run) -> None:
    execution = run("echo $NOXSESSION $RELEASE_TAG")
    assert [said(execution, step) for step in (1, 2, 3)] == [
        ["release v1"],
        ["publish v1"],
        ["verify v1"],
    ]


def test_a_build_knows_that_it_is_codebuild(run: Run) -> None:
    execution = run("echo $CODEBUILD_INITIATOR $CODEBUILD_RESOLVED_SOURCE_VERSION $AWS_REGION")
    assert said(execution, 1) == [f"codepipeline/Releases {execution.steps[0].commit} us-west-2"]


def test_an_input_artifact_is_a_copy_of_what_was_handed_on_and_nothing_else(run: Run) -> None:
    given = "$CODEBUILD_SRC_DIR_dist"
    execution = run(f'test -z "{given}" || (cd {given}; ls; touch more)')
    assert said(execution, 2) == said(execution, 3) == ["made"]


def test_each_build_has_a_checkout_and_a_home_of_its_own(run: Run) -> None:
    execution = run("ls -A ~; touch ~/left left; git status --short")
    assert said(execution, 1) == said(execution, 2) == said(execution, 3) == ["?? left"]


def test_exported_variables_reach_later_actions(run: Run, releases: dict[str, Any]) -> None:
    build, publish = (releases["Stages"][number]["Actions"][0] for number in (1, 2))
    build["Namespace"] = "Built"
    publish["Configuration"]["EnvironmentVariables"] = json.dumps(
        [{"name": "GOT", "type": "PLAINTEXT", "value": "#{Built.MADE}"}]
    )
    assert said(run("echo $GOT"), 2) == ["yes"]


def test_a_variable_without_value_fails_its_action(run: Run, releases: dict[str, Any]) -> None:
    action = releases["Stages"][1]["Actions"][0]
    action["Configuration"]["EnvironmentVariables"] = '[{"name": "A", "value": "#{variables.B}"}]'
    failed = run().failed
    assert failed is not None
    assert "#{variables.B} has no value" in str(failed.failure)


def test_a_variable_has_its_default(run: Run, releases: dict[str, Any]) -> None:
    releases["Variables"].append({"Name": "B", "DefaultValue": "usual"})
    action = releases["Stages"][1]["Actions"][0]
    action["Configuration"]["EnvironmentVariables"] = '[{"name": "A", "value": "#{variables.B}"}]'
    assert said(run("echo $A"), 1) == ["usual"]


def test_an_approval_is_given(run: Run, releases: dict[str, Any]) -> None:
    approval = {"Name": "Approve", "ActionTypeId": {"Provider": "Manual"}}
    releases["Stages"].insert(2, {"Name": "Approval", "Actions": [approval]})
    assert [step.stage for step in run().steps][2:4] == ["Approval", "Publish"]


def test_actions_of_a_stage_run_by_their_run_order(run: Run, releases: dict[str, Any]) -> None:
    actions = releases["Stages"][1]["Actions"]
    actions.append({"Name": "First", "ActionTypeId": {"Provider": "Manual"}, "RunOrder": 1})
    actions[0]["RunOrder"] = 2
    assert [step.action for step in run().steps][1:3] == ["First", "Build"]


def test_another_kind_of_action_is_not_passed_over(run: Run, releases: dict[str, Any]) -> None:
    releases["Stages"][1]["Actions"][0]["ActionTypeId"]["Provider"] = "Lambda"
    failed = run().failed
    assert failed is not None
    assert "is a Lambda action, which is not played" in str(failed.failure)


def test_a_secret_as_a_variable_is_refused(run: Run, document: dict[str, Any]) -> None:
    project = document["Resources"]["Release"]["Properties"]
    project["Environment"]["EnvironmentVariables"][0]["Type"] = "SECRETS_MANAGER"
    failed = run().failed
    assert failed is not None
    assert "is of type SECRETS_MANAGER" in str(failed.failure)


def test_an_unknown_project_fails_its_action(run: Run, releases: dict[str, Any]) -> None:
    releases["Stages"][1]["Actions"][0]["Configuration"]["ProjectName"] = "nobody"
    failed = run().failed
    assert failed is not None
    assert "there is no project nobody" in str(failed.failure)


def test_a_stage_is_retried_with_the_artifacts_as_they_were(
    run: Run, document: dict[str, Any], repository: Path, tmp_path: Path
) -> None:
    execution = run('test "$NOXSESSION" != publish -o -e /nowhere')
    made = dict(execution.artifacts)
    (tmp_path / "again").mkdir()
    play(execution, Account(Template(document), tmp_path / "again", repository), begin="Publish")
    assert [step.stage for step in execution.steps] == ["Source", "Build", "Publish", "Publish"]
    assert execution.artifacts == made


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"name": "Nobody"}, "there is no pipeline Nobody"),
        ({"variables": {"RELEASE_TAG": ""}}, "its variable RELEASE_TAG has no value"),
        ({"variables": {"MORE": "x"}}, "the pipeline has no variable MORE"),
        (
            {"sourceRevisions": [{"actionName": "Other", "revisionValue": "x"}]},
            "it has no source action Other",
        ),
    ],
)
def test_a_start_that_codepipeline_refuses_is_refused(
    run: Run, asked: dict[str, Any], why: str
) -> None:
    with pytest.raises(UserError, match=why):
        run("true", asked)


def test_a_build_gets_nothing_of_the_user_s_but_the_way_to_the_index(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "mine")
    monkeypatch.setenv("TWINE_PASSWORD", "mine")
    monkeypatch.setenv("UV_PUBLISH_TOKEN", "mine")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com")
    found = laptop()
    assert "mine" not in found.values()
    assert found["HTTPS_PROXY"] == "http://proxy.example.com"
    assert found["NO_PROXY"].endswith("127.0.0.1")
