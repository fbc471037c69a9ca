"""The workflows of docs/other-ci.md are what GitHub and GitLab take, and safe."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ci.tests.house.pages import ROOT, Page

GITHUB, GITLAB = (
    token.content
    for token in Page("docs/other-ci.md").tokens
    if token.type == "fence" and token.info == "yaml"
)

QUOTED = '"python -P -m pip install -q --require-hashes --only-binary :all: -r ci/locks/nox.txt"'


def by_schema(folder: Path, workflow: str, *options: str) -> str:
    """How a workflow differs from what the service takes; nothing if it doesn't."""
    (folder / "ci.yml").write_text(workflow, encoding="utf-8")
    return run(folder, "check-jsonschema", "--builtin-schema", *options, "ci.yml")


def by_github(folder: Path, workflow: str) -> str:
    return by_schema(folder, workflow, "vendor.github-workflows")


def by_gitlab(folder: Path, workflow: str) -> str:
    return by_schema(folder, workflow, "vendor.gitlab-ci", "--data-transform", "gitlab-ci")


def by_zizmor(folder: Path, workflow: str) -> str:
    """What is unsafe in a workflow for GitHub."""
    file = folder / ".github/workflows/ci.yml"
    file.parent.mkdir(parents=True)
    file.write_text(workflow, encoding="utf-8")
    options = ("--offline", "--no-progress", "--persona=pedantic", "--min-severity=low")
    return run(folder, "zizmor", *options, str(file))


def run(folder: Path, tool: str, *arguments: str) -> str:
    """What a tool prints that fails; nothing if it succeeds. None of them needs a network."""
    command = [str(Path(sys.executable).with_name(tool)), *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr) if done.returncode else ""


Lint = Callable[[Path, str], str]
LINTED: dict[Lint, str] = {by_github: GITHUB, by_gitlab: GITLAB, by_zizmor: GITHUB}


@pytest.mark.parametrize(("lint", "workflow"), LINTED.items())
def test_the_workflows_are_valid_and_safe(tmp_path: Path, lint: Lint, workflow: str) -> None:
    assert lint(tmp_path, workflow) == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lint", "old", "new", "complaint"),
    [
        (by_github, "runs-on:", "runs-at:", "runs-at"),
        (by_gitlab, "when: always", "when: often", "often"),
        (by_gitlab, QUOTED, QUOTED.strip('"'), "before_script"),
        (by_zizmor, ", persist-credentials: false", "", "artipacked"),
        (by_zizmor, "permissions: {}\n", "", "excessive-permissions"),
        (by_zizmor, "@de0fac2e4500dabe0009e67214ff5f5447ce83dd", "@v6", "unpinned-uses"),
        (by_zizmor, "bin/nox\n", "bin/nox -s ${{ github.head_ref }}\n", "injection"),
        (by_zizmor, "  pull_request:", "  pull_request_target:", "dangerous-triggers"),
    ],
)
def test_a_defect_in_a_workflow_is_found(
    tmp_path: Path, lint: Lint, old: str, new: str, complaint: str
) -> None:
    assert old in LINTED[lint]
    assert complaint in lint(tmp_path, LINTED[lint].replace(old, new))


@pytest.mark.parametrize("workflow", [GITHUB, GITLAB], ids=["github", "gitlab"])
def test_a_workflow_is_short_and_calls_sessions_that_exist(workflow: str) -> None:
    assert len(workflow.splitlines()) <= 36
    called = {*re.findall(r"nox -s (\w+)", workflow), *re.findall(r"'(pr|release)'", workflow)}
    assert {"pr", "release"} <= called
    noxfile = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    assert [name for name in called if f"def {name}(" not in noxfile] == []
    assert (ROOT / "ci/locks/nox.txt").is_file()
    assert "ci/locks/nox.txt" in workflow


def test_what_uploads_runs_nothing_of_the_repository_and_compares_it_with_the_manifest() -> None:
    github: dict[str, Any] = yaml.safe_load(GITHUB)["jobs"]["publish"]
    assert not any("checkout" in step.get("uses", "") for step in github["steps"])
    gitlab = yaml.safe_load(GITLAB)
    scripts = [step["run"] for step in github["steps"] if "run" in step]
    for script in (scripts, gitlab["publish"]["script"]):
        assert "sha256sum --check --strict SHA256SUMS" in script[0]
        assert not any("nox" in line for line in script)
    only = [name for name, job in gitlab.items() if "id_tokens" in job]
    assert only == ["publish"]


def gitlab_s_upload() -> list[str]:
    """The line of GitLab's job `publish` that uploads, in its words."""
    line: str = yaml.safe_load(GITLAB)["publish"]["script"][-1]
    return line.split()


def test_no_module_of_the_checkout_takes_a_tool_s_place() -> None:
    pythons = re.findall(r"\bpython .*", GITLAB)
    assert len(pythons) > 3
    assert [line for line in pythons if not line.startswith("python -P -m ")] == []
    assert gitlab_s_upload()[:5] == ["python", "-P", "-m", "uv", "publish"]


@pytest.mark.parametrize(("file", "heading"), [("uv.toml", ""), ("pyproject.toml", "[tool.uv]\n")])
def test_gitlab_s_upload_reads_no_settings_of_the_checkout(
    tmp_path: Path, file: str, heading: str
) -> None:
    (tmp_path / file).write_text(f"{heading}publish-url = false\n", encoding="utf-8")
    words = gitlab_s_upload()[4:]
    assert run(tmp_path, "uv", *words) == "error: No files found to publish\n"
    words.remove("--no-config")
    assert "publish-url" in run(tmp_path, "uv", *words)
