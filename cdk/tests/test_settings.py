"""What the stack can be told, and what it refuses to be told."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aws_cdk.aws_codebuild import ComputeType
from aws_cdk.aws_logs import RetentionDays

from app import HERE
from pythons import NEWEST
from settings import ContextProblem, Settings, read_settings
from tests.conftest import DEFAULTS, VARIATIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from ci.rehearsal.cloudformation import Template

PROJECTS = (
    *("pr-validation", "pr-tests", "pr-coverage", "release", "build", "publish", "verify"),
    *("staging", "nightly"),
)
TEXTS = (
    *("repository", "branch", "region", "secret", "staging-secret", "notification-email"),
    *("slack-channel", "nightly"),
)


@pytest.fixture
def pyproject(tmp_path: Path) -> Path:
    file = tmp_path / "pyproject.toml"
    file.write_text('[project]\nname = "Sample.Package"\n', encoding="utf-8")
    return file


def test_without_a_context_everything_follows_from_the_projects_name(pyproject: Path) -> None:
    assert read_settings({}, pyproject) == Settings(
        name="sample-package",
        repository="Sample.Package",
        branch="main",
        region="us-west-2",
        secret="Sample.Package/pypi",
    )
    assert read_settings({}, pyproject).log_retention is RetentionDays.THREE_MONTHS


def test_cdk_json_says_what_holds_without_it(pyproject: Path) -> None:
    assert read_settings(DEFAULTS, pyproject) == read_settings({}, pyproject)


def test_the_context_wins(pyproject: Path) -> None:
    context = {
        "repository": "r",
        "branch": "release/2.x",
        "region": "eu-central-1",
        "secret": "a/b",
        "notification-email": "a@example.org",
        "manual-approval": True,
        "log-retention": "one-week",
        "all-pythons": False,
        "shards": 3,
        "nightly": "rate(1 day)",
        "staging": True,
        "staging-secret": "c/d",
        "slack-channel": "T0123/C0123",
        "compute": "medium",
        "timeout-minutes": {"verify": 5},
    }
    assert read_settings(context, pyproject) == Settings(
        name="sample-package",
        repository="r",
        branch="release/2.x",
        region="eu-central-1",
        secret="a/b",
        notification_email="a@example.org",
        manual_approval=True,
        log_retention=RetentionDays.ONE_WEEK,
        shards=3,
        nightly="rate(1 day)",
        staging_secret="c/d",
        slack_channel=("T0123", "C0123"),
        compute=dict.fromkeys(PROJECTS, ComputeType.MEDIUM),
        timeout_minutes={"verify": 5},
    )


def test_a_secret_for_staging_is_nothing_without_staging(pyproject: Path) -> None:
    assert read_settings({"staging-secret": "c/d"}, pyproject).staging_secret is None
    assert read_settings({"staging": "true"}, pyproject).staging_secret == "Sample.Package/testpypi"


@pytest.mark.parametrize(
    "value", [{"build": "2xlarge"}, '{"build": "2xlarge"}', ' {"build": "2XLARGE"}']
)
def test_one_project_can_have_a_machine_of_its_own(pyproject: Path, value: object) -> None:
    assert read_settings({"compute": value}, pyproject).compute == {"build": ComputeType.X2_LARGE}


@pytest.mark.parametrize("value", ["480", 480, '{"nightly": "480"}', {"nightly": 480}])
def test_a_time_out_may_come_from_the_command_line(pyproject: Path, value: object) -> None:
    assert read_settings({"timeout-minutes": value}, pyproject).timeout_minutes["nightly"] == 480


@pytest.mark.parametrize(
    "schedule", ["rate(1 day)", "rate(12 hours)", "cron(0 3 * * ? *)", "cron(15 10 ? * MON-FRI *)"]
)
def test_a_schedule_is_eventbridge_s(pyproject: Path, schedule: str) -> None:
    assert read_settings({"nightly": schedule}, pyproject).nightly == schedule


def test_the_newest_python_is_the_noxfiles() -> None:
    noxfile = (HERE.parent / "noxfile.py").read_text(encoding="utf-8")
    assert f'\nNEWEST_PYTHON = "3.{NEWEST}"' in noxfile


def classifiers(*versions: str) -> str:
    return json.dumps([f"Programming Language :: Python :: {version}" for version in versions])


@pytest.mark.parametrize(
    ("more", "others"),
    [
        ("", ()),
        (f"classifiers = {classifiers('3.8', '3.12')}", ()),
        (f"classifiers = {classifiers('3.12')}", ()),
        (f"classifiers = {classifiers('3', '3.10', '3.9', '3.8', '3.11')}", ("3.9", "3.10")),
        (f"classifiers = {classifiers('3.9', '3.10', '3.11', '3 :: Only')}", ("3.10",)),
        # One that is not out yet is the highest of nothing.
        (f"classifiers = {classifiers('3.13', '3.14', '3.15', '3.99')}", ("3.14",)),
        (
            f"classifiers = {classifiers('3.8')}\n[tool.ci]\npythons = ['3.9', '3.10', '3.11']",
            ("3.10",),
        ),
        (f"classifiers = {classifiers('3.8', '3.9', '3.10')}\n[tool.ci]\npythons = []", ("3.9",)),
        ("classifiers = 3", ()),
    ],
)
def test_the_pythons_between_the_ends_are_those_of_the_classifiers_or_of_tool_ci(
    pyproject: Path, more: str, others: tuple[str, ...]
) -> None:
    pyproject.write_text(f'[project]\nname = "a"\n{more}\n', encoding="utf-8")
    assert read_settings({}, pyproject).other_pythons == others
    assert read_settings({"all-pythons": "false"}, pyproject).other_pythons == ()


@pytest.mark.parametrize(
    ("value", "meant"), [("true", True), ("false", False), (True, True), (False, False)]
)
def test_the_command_lines_strings_are_switches_too(
    pyproject: Path, value: object, *, meant: bool
) -> None:
    assert read_settings({"manual-approval": value}, pyproject).manual_approval is meant


@pytest.mark.parametrize(
    "key", ["@aws-cdk/core:x", "aws:cdk:y", "availability-zones:account=1", "cli-telemetry"]
)
def test_cdks_own_keys_are_none_of_our_business(pyproject: Path, key: str) -> None:
    assert read_settings({key: "anything"}, pyproject) == read_settings({}, pyproject)


def test_every_key_is_tried_and_is_on_the_page_with_its_default(pyproject: Path) -> None:
    with pytest.raises(ContextProblem) as problem:
        read_settings({"no-such-key": "1"}, pyproject)
    keys = problem.value.remedy.removeprefix("use one of ").split(", ")
    assert {key for context in VARIATIONS.values() for key in context} == set(keys)
    page = (HERE.parent / "docs/cicd-setup.md").read_text(encoding="utf-8")
    section = page.partition("\n### Of the stack: ")[2].partition("\n### ")[0]
    told = re.findall(r"^\| `(\S+)` \| `?(.*?)`? \|", section, re.MULTILINE)
    assert sorted(key for key, _ in told) == sorted(keys)
    written = {key: json.dumps(DEFAULTS[key]).strip('"') for key in keys if key in DEFAULTS}
    assert written.items() <= dict(told).items()


@pytest.mark.parametrize("key", ["Branch", "brnach", "notification_email", ""])
def test_an_unknown_key_is_refused_by_its_name(pyproject: Path, key: str) -> None:
    with pytest.raises(ContextProblem, match="help: use one of repository, branch") as problem:
        read_settings({key: "x"}, pyproject)
    assert problem.value.code == "unknown-context"
    assert repr(key) in problem.value.found


@pytest.mark.parametrize(
    ("key", "value"),
    [(key, value) for key in TEXTS for value in ("", " ", None, 7, True, ["x"], "a b", "a\n")]
    + [
        ("repository", "code.git"),
        ("repository", "team/code"),
        ("branch", "-main"),
        ("branch", "a..b"),
        ("branch", "refs/heads/"),
        ("branch", "main*"),
        ("branch", "main.lock"),
        ("region", "us-west"),
        ("region", "Oregon"),
        ("region", "US-WEST-2"),
        ("secret", "arn:aws:secretsmanager:x"),
        ("secret", "*"),
        ("secret", "größe"),
        ("notification-email", "someone"),
        ("notification-email", "a@b@example.org"),
        ("manual-approval", ""),
        ("manual-approval", "yes"),
        ("manual-approval", None),
        ("staging", "yes"),
        ("all-pythons", 1),
        ("slack-channel", "#releases"),
        ("slack-channel", "C0123/T0123"),
        ("slack-channel", "T0123/C0123/x"),
        ("nightly", "every night"),
        ("nightly", "rate(1 days)"),
        ("nightly", "rate(0 days)"),
        ("nightly", "rate(5 minutes)"),
        ("nightly", "cron(0 3 * * *)"),
        ("nightly", "cron(0 3 * * * *)"),
        ("nightly", "cron(0 3 ? * ? *)"),
        ("nightly", "cron(0 3 1 * MON *)"),
        ("nightly", "cron(0 ? * * ? *)"),
        ("shards", 0),
        ("shards", 5),
        ("shards", "1.5"),
        ("shards", True),
        ("shards", "two"),
        ("timeout-minutes", 4),
        ("timeout-minutes", 481),
        ("timeout-minutes", ""),
        ("timeout-minutes", {"release": 481}),
        ("timeout-minutes", "{"),
        ("compute", "tiny"),
        ("compute", "arm-small"),
        ("compute", "lambda-1gb"),
        ("compute", "BUILD_GENERAL1_SMALL"),
        ("compute", {"releases": "small"}),
        ("compute", {"release": "huge"}),
        ("compute", '{"release": }'),
        ("compute", ["small"]),
        ("log-retention", ""),
        ("log-retention", "90"),
        ("log-retention", "infinite"),
    ],
)
def test_an_empty_or_malformed_value_is_refused_with_a_remedy(
    pyproject: Path, key: str, value: object
) -> None:
    with pytest.raises(ContextProblem, match="or remove the key") as problem:
        read_settings({key: value}, pyproject)
    assert problem.value.code == "malformed-context"
    assert problem.value.found.startswith(key)


@pytest.mark.parametrize("machine", ["arm-small", "lambda-1gb", "ARM"])
def test_a_machine_without_our_image_is_refused_for_that_reason(
    pyproject: Path, machine: str
) -> None:
    with pytest.raises(ContextProblem) as problem:
        read_settings({"compute": machine}, pyproject)
    assert "can't run the image aws/codebuild/standard:7.0" in problem.value.found


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (None, "no-project-name"),
        ("", "no-project-name"),
        ("[project]\n", "no-project-name"),
        ("project = 1\n", "no-project-name"),
        ("[project\n", "no-project-name"),
        ("[project]\nname = 1\n", "malformed-project-name"),
        ("[project]\nname = ''\n", "malformed-project-name"),
        ("[project]\nname = 'a b'\n", "malformed-project-name"),
        ("[project]\nname = '-a'\n", "malformed-project-name"),
        ("[project]\nname = '1a'\n", "malformed-project-name"),
        ("[project]\nname = 'größe'\n", "malformed-project-name"),
        (f"[project]\nname = '{'a' * 68}'\n", "malformed-project-name"),
    ],
)
def test_a_project_without_a_proper_name_is_refused(
    tmp_path: Path, text: str | None, code: str
) -> None:
    file = tmp_path / "pyproject.toml"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    with pytest.raises(ContextProblem) as problem:
        read_settings({}, file)
    assert problem.value.code == code


def test_the_longest_name_still_names_every_resource(
    synthesize: Callable[[str, str], Template],
) -> None:
    machines = synthesize("a" * 67, "plain").resources("AWS::StepFunctions::StateMachine")
    assert max(len(machine["StateMachineName"]) for machine in machines.values()) == 80


HOME_CACHE = Path.home() / ".cache/aws/jsii"


def run_app(folder: Path, home: Path, **context: object) -> subprocess.CompletedProcess[str]:
    """`python app.py` in `folder`, as the CDK CLI starts it, without a home or credentials."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "CDK_OUTDIR": str(home / "out")}
    environment["CDK_CONTEXT_JSON"] = json.dumps(context)
    # Unpacking the CDK's runtime once more takes 10 s.
    environment["JSII_RUNTIME_PACKAGE_CACHE_ROOT"] = str(HOME_CACHE / "package-cache")
    command = [sys.executable, "app.py"]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_the_app_writes_the_template_of_the_project_beside_it(tmp_path: Path) -> None:
    """With all settings on: here the CDK's own rules look at the template, too."""
    source = shutil.ignore_patterns("tests", "cdk.out", "__pycache__", ".*")
    shutil.copytree(HERE, tmp_path / "cdk", ignore=source)
    shutil.copy(HERE.parent / "buildspec.yml", tmp_path)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "copied"\n', encoding="utf-8")
    outcome = run_app(tmp_path / "cdk", tmp_path, **VARIATIONS["full"])
    assert (outcome.returncode, outcome.stderr) == (0, "")
    template = json.loads((tmp_path / "out/copied-pipeline.template.json").read_text("utf-8"))
    assert "AWS::CodePipeline::Pipeline" in {r["Type"] for r in template["Resources"].values()}
    assert "codepipeline:eu-central-1" in json.dumps(template)


def test_the_app_reports_a_bad_context_in_two_lines(tmp_path: Path) -> None:
    outcome = run_app(HERE, tmp_path, brnach="main")
    assert outcome.returncode == 1
    problem, remedy = outcome.stderr.splitlines()
    assert problem == "error[unknown-context]: the CDK context has the unknown key 'brnach'"
    assert remedy.startswith("help: use one of repository, ")
    assert outcome.stdout == ""
    assert not list((tmp_path / "out").glob("*.template.json"))
