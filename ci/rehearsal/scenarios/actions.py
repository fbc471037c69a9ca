"""What is done in each row of faults.py."""

from __future__ import annotations

import copy
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import requests
import yaml

from ci.checkout.git import git
from ci.errors import UserError
from ci.rehearsal import codepipeline
from ci.rehearsal.codebuild import end_all
from ci.rehearsal.play import (
    Rehearsal,
    begin,
    on_index,
    play_pull_request,
    push_commit,
    push_tag,
    store_secret,
    with_index,
    with_variables,
)
from ci.rehearsal.scenarios.cutting_proxy import cutting_proxy
from ci.rehearsal.scenarios.scenario import IMPATIENT, Ending, ending, publish, release, tag_event
from ci.rehearsal.secretsmanager import secrets_gate

if TYPE_CHECKING:
    from ci.rehearsal.execution import Execution
    from ci.rehearsal.scenarios.scenario import Scenario

# --- what ends well ------------------------------------------------------------------------------


def annotated_tag(scenario: Scenario) -> Ending:
    """Play the release that all other rows vary, with the id that may well be in the event."""
    rehearsal = scenario.rehearsal
    tag = rehearsal.tag
    push_tag(rehearsal, tag)
    execution = release(rehearsal, tag, git(rehearsal.checkout, "rev-parse", f"refs/tags/{tag}"))
    if not execution.failed:
        scenario.good = execution
    return ending(rehearsal, execution)


def thief(scenario: Scenario) -> Ending:
    """Look at what the test has found in the Build of the first row."""
    rehearsal, good = scenario.rehearsal, scenario.base()
    build = next(step for step in good.steps if step.build)
    kept = Path(build.environment["HOME"], "loot")
    loot = kept.read_text(encoding="utf-8") if kept.exists() else ""
    role = rehearsal.account.project(build.project)["ServiceRole"]
    tried = [request for request in rehearsal.gate.requests if request.role == role]
    if rehearsal.index.password in loot or "AccessDenied" not in loot or not tried:
        raise UserError("rehearsal-thief", "the token was found, or not looked for", "mend cdk/")
    return ending(rehearsal, good)


def again(scenario: Scenario) -> Ending:
    """Retry Publish where everything is published."""
    good = scenario.base()
    return ending(
        scenario.rehearsal, publish(scenario.rehearsal, replace(good, steps=good.steps[:1]))
    )


# --- what Build must stop ------------------------------------------------------------------------


def wrong_tag(scenario: Scenario) -> Ending:
    """Push a tag of the right form for another version."""
    return _tagged(scenario.fresh(), "v0.0.0.post99")


def unmerged(scenario: Scenario) -> Ending:
    """Push the right tag on a commit that only a topic branch has."""
    rehearsal = scenario.fresh()
    push_commit(rehearsal, "topic", "Not reviewed")
    return _tagged(rehearsal)


def moved_tag(scenario: Scenario) -> Ending:
    """Move the tag to a newer commit when its event is already on its way."""
    rehearsal = scenario.fresh()
    tag = rehearsal.tag
    commit = push_tag(rehearsal, tag)
    push_commit(rehearsal, rehearsal.branch, "Newer")
    git(rehearsal.checkout, "tag", "--force", "--annotate", "--message", tag, tag)
    git(rehearsal.checkout, "push", "--quiet", "--force", "origin", f"refs/tags/{tag}")
    return ending(rehearsal, release(rehearsal, tag, commit))


def moved_event(scenario: Scenario) -> Ending:
    """Send the event of a moved tag."""
    return _unheard(scenario, "v1.0.0", event="referenceUpdated")


def other_tag(scenario: Scenario) -> Ending:
    """Send the event of a tag that names no version."""
    return _unheard(scenario, "nightly")


def head(scenario: Scenario) -> Ending:
    """Leave the source revision override out, while the branch has moved on."""
    rehearsal = scenario.fresh()
    tag = rehearsal.tag
    commit = push_tag(rehearsal, tag)
    push_commit(rehearsal, rehearsal.branch, "Newer")
    execution = begin(rehearsal, tag_event(rehearsal, tag, commit))
    execution.overrides.clear()
    codepipeline.play(execution, rehearsal.account)
    return ending(rehearsal, execution)


def lowest(scenario: Scenario) -> Ending:
    """Commit a test that fails on one Python."""
    rehearsal = scenario.fresh()
    version = ", ".join(rehearsal.project.python_versions[0].split("."))
    test = (
        f'"""A fault."""\n\nimport sys\n\n\ndef test_fault() -> None:\n'
        f"    assert sys.version_info[:2] != ({version})\n"
    )
    (rehearsal.checkout / "tests" / "test_fault.py").write_text(test, encoding="utf-8")
    push_commit(rehearsal, rehearsal.branch, "Add a test")
    return _tagged(rehearsal)


def unformatted(scenario: Scenario) -> Ending:
    """Commit what black would write otherwise."""
    rehearsal = scenario.fresh()
    _unformat(rehearsal)
    push_commit(rehearsal, rehearsal.branch, "Add a file")
    return _tagged(rehearsal)


def leak(scenario: Scenario) -> Ending:
    """Track a private file among the package's own, and no longer have git ignore such files."""
    rehearsal = scenario.fresh()
    (rehearsal.checkout / rehearsal.project.package_dir / ".env").write_text("NAME=value\n")
    ignored = rehearsal.checkout / ".gitignore"
    lines = ignored.read_text(encoding="utf-8").splitlines() if ignored.exists() else []
    kept = [line for line in lines if not line.startswith(".env")]
    ignored.write_text("\n".join(kept) + "\n", encoding="utf-8")
    push_commit(rehearsal, rehearsal.branch, "Add settings")
    return _tagged(rehearsal)


# --- what Publish must stop, or survive ----------------------------------------------------------


def absent(scenario: Scenario) -> Ending:
    """Look for a secret that nobody has stored."""
    return _with_secret(scenario, None)


def malformed(scenario: Scenario) -> Ending:
    """Store the bare token where JSON is due."""
    return _with_secret(scenario, scenario.rehearsal.index.password)


def wrong_token(scenario: Scenario) -> Ending:
    """Store a token that the index does not know."""
    token = {"username": scenario.rehearsal.index.username, "password": "revoked"}
    return _with_secret(scenario, json.dumps(token))


def forbidden(scenario: Scenario) -> Ending:
    """Take the grant out of the template."""
    rehearsal, execution = scenario.publishing()
    document = copy.deepcopy(rehearsal.account.template.document)
    for resource in document["Resources"].values():
        if resource["Type"] == "AWS::IAM::Policy":
            policy = resource["Properties"]["PolicyDocument"]
            policy["Statement"] = [
                item for item in policy["Statement"] if "secretsmanager" not in json.dumps(item)
            ]
    template = replace(rehearsal.account.template, document=document)
    with secrets_gate(template, rehearsal.aws.url) as gate:
        account = replace(rehearsal.account, template=template, credentials=gate.credentials)
        return ending(rehearsal, publish(replace(rehearsal, account=account), execution))


def index_down(scenario: Scenario) -> Ending:
    """Publish to an index that does not answer, and retry when it does."""
    rehearsal, execution = scenario.publishing()
    with cutting_proxy(rehearsal.server.url, uploads=0) as url:
        down = _behind(rehearsal, url)
    stopped = publish(down, execution)
    if not stopped.failed or on_index(rehearsal):
        raise UserError(
            "rehearsal-down", "Publish went through without an index", "mend ci/publish"
        )
    return ending(rehearsal, publish(rehearsal, replace(stopped, steps=stopped.steps[:1])))


def cut(scenario: Scenario) -> Ending:
    """Cut the line after the first upload."""
    rehearsal, execution = scenario.publishing()
    scenario.cut = rehearsal
    with cutting_proxy(rehearsal.server.url, uploads=1) as url:
        return ending(rehearsal, publish(_behind(rehearsal, url), execution))


def cut_retried(scenario: Scenario) -> Ending:
    """Retry what the row before has left half done."""
    _, execution = scenario.publishing()
    rehearsal = scenario.cut or scenario.rehearsal
    return ending(rehearsal, publish(rehearsal, execution))


def other_bytes(scenario: Scenario) -> Ending:
    """Have the index hold a wheel of that version which was built otherwise."""
    rehearsal, execution = scenario.publishing()
    dist = _own_dist(rehearsal, execution)
    wheel = next(dist.glob("*.whl"))
    with wheel.open("ab") as file:
        file.write(b"\0")
    _upload(rehearsal, wheel)
    execution.artifacts |= scenario.publishing()[1].artifacts
    return ending(rehearsal, publish(rehearsal, execution))


def changed(scenario: Scenario) -> Ending:
    """Change a byte of the wheel in the artifact store."""
    rehearsal, execution = scenario.publishing()
    with next(_own_dist(rehearsal, execution).glob("*.whl")).open("ab") as file:
        file.write(b"\0")
    return ending(rehearsal, publish(rehearsal, execution))


def added(scenario: Scenario) -> Ending:
    """Add a distribution to the artifact store."""
    rehearsal, execution = scenario.publishing()
    (_own_dist(rehearsal, execution) / "extra-1.0.tar.gz").write_bytes(b"")
    return ending(rehearsal, publish(rehearsal, execution))


# --- what pull requests must not do to others ----------------------------------------------------


def two_at_once(scenario: Scenario) -> Ending:
    """Validate two at the same time: each at its own commit, each with its own outcome."""
    rehearsal = scenario.fresh()
    name = "pull-request-created"
    good = push_commit(rehearsal, "good", "Change nothing")
    _unformat(rehearsal)
    bad = push_commit(rehearsal, "bad", "Change the form")
    with ThreadPoolExecutor() as pool:
        plays = [pool.submit(play_pull_request, rehearsal, name, commit) for commit in (good, bad)]
        try:
            passed, failed = (play.result() for play in plays)
        except BaseException:
            end_all()
            raise
    commits = [execution.steps[0].commit for execution in (passed, failed)]
    if passed.failed or commits != [good, bad]:
        found = f"{passed.failed and passed.failed.failure} at {commits}"
        raise UserError("rehearsal-two", found, "let each be on its own")
    return ending(rehearsal, failed)


def poison(scenario: Scenario) -> Ending:
    """Let a pull request write to the cache; no release may find it there."""
    rehearsal = scenario.fresh()
    name, mark = "pull-request-created", "~/.cache/uv/poison"
    for branch, command in (
        ("poison", f"mkdir -p ~/.cache/uv && touch {mark}"),
        ("victim", f"test -e {mark}"),
    ):
        commit = _with_command(rehearsal, branch, command)
        stopped = play_pull_request(rehearsal, name, commit).failed
        if stopped:
            raise UserError("rehearsal-cache", f"no cache: {stopped.failure}", "mend it in cdk/")
    _with_command(rehearsal, rehearsal.branch, f"test ! -e {mark}")
    return _tagged(rehearsal)


# --- how it is done ------------------------------------------------------------------------------


def _tagged(rehearsal: Rehearsal, tag: str = "") -> Ending:
    tag = tag or rehearsal.tag
    return ending(rehearsal, release(rehearsal, tag, push_tag(rehearsal, tag)))


def _unheard(scenario: Scenario, tag: str, **detail: str) -> Ending:
    rehearsal = scenario.rehearsal
    happened = tag_event(rehearsal, tag, "0" * 40)
    happened["detail"] |= detail
    try:
        begin(rehearsal, happened)
    except UserError as problem:
        return Ending("event", str(problem), {})
    return Ending("", "", {})


def _with_secret(scenario: Scenario, text: str | None) -> Ending:
    rehearsal, execution = scenario.publishing()
    store_secret(rehearsal, text)
    try:
        return ending(rehearsal, publish(rehearsal, execution))
    finally:
        store_secret(rehearsal, json.dumps(rehearsal.token))


def _behind(rehearsal: Rehearsal, url: str) -> Rehearsal:
    """The same index, reached through another address."""
    index, here = rehearsal.index, rehearsal.server.url
    moved = replace(
        index,
        upload_url=index.upload_url.replace(here, url),
        index_url=index.index_url.replace(here, url),
    )
    return with_variables(with_index(rehearsal, moved), IMPATIENT)


def _upload(rehearsal: Rehearsal, wheel: Path) -> None:
    """Put a wheel on the index, as twine would ("Legacy API" of Warehouse's documentation)."""
    name, version = wheel.name.split("-")[:2]
    form = {":action": "file_upload", "name": name, "version": version, "metadata_version": "2.1"}
    answer = requests.post(
        rehearsal.index.upload_url,
        data={**form, "filetype": "bdist_wheel", "pyversion": "py3"},
        files={"content": (wheel.name, wheel.read_bytes())},
        auth=(rehearsal.index.username, rehearsal.index.password),
        timeout=30,
    )
    answer.raise_for_status()


def _own_dist(rehearsal: Rehearsal, execution: Execution) -> Path:
    """The artifact `dist`, as a copy that may be spoilt."""
    folder = rehearsal.account.fresh("spoilt")
    shutil.copytree(str(execution.artifacts["dist"]), folder, dirs_exist_ok=True)
    execution.artifacts["dist"] = folder
    return folder


def _unformat(rehearsal: Rehearsal) -> None:
    path = rehearsal.checkout / "tests" / "test_unformatted.py"
    path.write_text('"""A fault."""\nNAME   =  1\n', encoding="utf-8")


def _with_command(rehearsal: Rehearsal, branch: str, command: str) -> str:
    """Commit a buildspec that does nothing else, as whoever pushes a branch may; the commit."""
    path = rehearsal.checkout / "buildspec.yml"
    spec = yaml.safe_load(path.read_text(encoding="utf-8"))
    spec["phases"] = {"build": {"commands": [command, "mkdir -p dist && touch dist/file"]}}
    path.write_text(yaml.safe_dump(spec), encoding="utf-8")
    return push_commit(rehearsal, branch, "Change the build")
