"""Every command that the documentation tells one to type works, as far as that needs no AWS.

docs/cicd-setup.md is played from top to bottom in one shell, and docs/releasing.md after it, with
CodeCommit, AWS and the index replaced by local ones; test_aws_cli.py looks at the commands of the
AWS CLI. What would take too long is run by another test, which is named here. docs/adopting.md is
in ci/tests/adopt/test_docs.py, README's release in test_by_hand.py.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ci.checkout.git import git
from ci.package.project import read_project
from ci.tests.house.pages import ROOT, Page, pages

if TYPE_CHECKING:
    from pathlib import Path

    from ci.rehearsal.servers import PackageIndex

pytestmark = pytest.mark.slow

README, SETUP, RELEASING, ADOPTING, CONTRIBUTING = map(
    Page,
    (
        "README.md",
        "docs/cicd-setup.md",
        "docs/releasing.md",
        "docs/adopting.md",
        "CONTRIBUTING.md",
    ),
)
LED_ASTRAY = ("AWS_", "COV_", "NOX", "RELEASE_", "SOURCE_", "TWINE_")

# --- what is run elsewhere -----------------------------------------------------------------------

GET_NOX = "python3 -m venv .venv && .venv/bin/pip install -qr ci/locks/nox.txt"

# What takes too long here: the line, what its session runs, and the test that runs that.
ELSEWHERE = {
    "nox -s rehearse": (
        "'rehearsal'",
        "rehearsal/test_main.py::test_a_release_is_rehearsed_in_plain_lines_and_leaves_nothing",
    ),
    "nox -s rehearse -- pr": (
        "'rehearsal'",
        "rehearsal/test_main.py::test_a_pull_request_is_rehearsed_when_opened_and_when_updated",
    ),
    "nox -s lock": (
        "'dependencies.lock'",
        "dependencies/test_lock.py::test_the_command_line_checks_and_compiles",
    ),
    "nox -s tests_all": (
        "test_wheel",
        "house/test_sessions.py::test_without_a_defect_every_session_passes_on_both_ends",
    ),
}
NEEDS_AWS = re.compile(r"nox -s cdk -- (bootstrap|diff|deploy|destroy)\b.*")


@pytest.mark.parametrize(("line", "runs", "test"), [(k, *v) for k, v in ELSEWHERE.items()])
def test_what_is_run_elsewhere_is_run_there(line: str, runs: str, test: str) -> None:
    session = line.split()[2]
    body = next(
        ast.unparse(node)
        for node in ast.walk(ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name == session
    )
    assert runs in body
    file, _, name = test.partition("::")
    assert f"def {name}(" in (ROOT / "ci/tests" / file).read_text(encoding="utf-8")


def test_what_readme_begins_with_is_what_ci_runs() -> None:
    rehearse, path, check, *_ = README.commands
    assert CONTRIBUTING.commands == [GET_NOX, path, "nox -l"]
    assert check in (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert check == f"{GET_NOX} && .venv/bin/nox -s pr"
    assert rehearse == f"{GET_NOX} && .venv/bin/nox -s rehearse"


# --- what is played ------------------------------------------------------------------------------

# The line, and what it is played as where it is not itself.
PLAYED_AS = {
    "read -rs TOKEN": 'read -rs TOKEN <<<"$GIVEN"',
    # What the pipeline does then.
    "git push origin v9.9.9": "git push origin v9.9.9"
    ' && ! RELEASE_TAG=v9.9.9 nox -s release > "$STAGE/refusal" 2>&1',
    "git push origin v1.4.0": "git push origin v1.4.0 && nox -s publish",
    # All of `pr`, which is left out, is what README's second command runs.
    "nox -s release": "[ -d dist ] || nox -s check_tag reproduce",
}

PROGRAMS = {
    "aws": r"""#!/usr/bin/env bash
printf '%s\n' "$*" >> "$STAGE/calls"
case "$*" in
  *--secret-string*) cat >> "$STAGE/stored"; echo >> "$STAGE/stored" ;;
  *merge-pull-request*) git push --quiet origin HEAD:main ;;
esac
""",
}


def as_played(line: str) -> str:
    if line in ELSEWHERE or NEEDS_AWS.fullmatch(line):
        return ":"
    line = line.replace(GET_NOX, 'mkdir -p .venv && ln -sfn "$(dirname "$PYTHON")" .venv/bin')
    line = line.replace("read -rs TOKEN &&", 'read -rs TOKEN <<<"$GIVEN" &&')
    return PLAYED_AS.get(line, line)


@pytest.fixture
def stage(tmp_path: Path) -> Path:
    """A clone of HEAD, an empty CodeCommit, and what stands in for programs."""
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", "codecommit")
    git(tmp_path, "clone", "--quiet", "--no-tags", "--no-checkout", str(ROOT), "laptop")
    head = git(ROOT, "rev-parse", "HEAD")
    git(tmp_path / "laptop", "checkout", "--quiet", "-B", "main", head)
    for name, text in PROGRAMS.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    return tmp_path


@pytest.fixture
def reader(stage: Path, package_index: PackageIndex) -> dict[str, str]:
    """An environment in which the index and CodeCommit are those here."""
    wanted = {name: os.environ[name] for name in os.environ if not name.startswith(LED_ASTRAY)}
    repository = f"git-codecommit.us-west-2.amazonaws.com/v1/repos/{read_project(ROOT).name}"
    (stage / "gitconfig").write_text(
        "[user]\nname = Reader\nemail = reader@example.invalid\n"
        f'[url "{stage}/codecommit"]\ninsteadOf = "https://{repository}"\n',
        encoding="utf-8",
    )
    return {
        **wanted,
        "STAGE": str(stage),
        "PYTHON": sys.executable,
        "PYTHONPATH": ".",
        "PATH": f"{stage}{os.pathsep}{os.environ['PATH']}",
        "GIT_CONFIG_GLOBAL": str(stage / "gitconfig"),
        "GIVEN": package_index.password,
        "TWINE_USERNAME": package_index.username,
        "TWINE_PASSWORD": package_index.password,
        "TWINE_REPOSITORY_URL": package_index.upload_url,
        "UV_INDEX": f"{package_index.index_url} {os.environ.get('UV_INDEX', '')}",
    }


def test_setup_and_releasing_can_be_typed_from_top_to_bottom(
    stage: Path, reader: dict[str, str]
) -> None:
    done = subprocess.run(
        [
            "bash",
            "-ex",
            "-c",
            "\n".join(as_played(line) for line in [*SETUP.commands, *RELEASING.commands]),
        ],
        cwd=stage / "laptop",
        env=reader,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:]
    refusal = (stage / "refusal").read_text(encoding="utf-8")
    (refused,) = re.findall(r"^error\[.*", refusal, re.MULTILINE)
    assert any(refused.startswith(span) for span in SETUP.code_spans if "]: " in span)
    token = {"username": "__token__", "password": reader["GIVEN"]}
    stored = (stage / "stored").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in stored] == [token, token, token]
    assert reader["GIVEN"] not in (stage / "calls").read_text(encoding="utf-8")
    assert done.stdout.count("skip, already there") == 2 * 2  # the dry run, and publishing again
    # Each of two times, on the lowest and the highest Python.
    assert done.stdout.count("installs and imports") == 2 * 2


def test_no_other_page_has_commands() -> None:
    assert {page.name for page in pages() if page.commands} == {
        page.name for page in (README, SETUP, RELEASING, ADOPTING, CONTRIBUTING)
    }
