"""Attacks by people who can push tags, or whose code a build runs."""

from __future__ import annotations

import hashlib
import importlib.util
import marshal
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ci.checkout.git import git
from ci.distributions.manifest import read_release
from ci.errors import UserError
from ci.rehearsal.iam import may
from ci.rehearsal.plays import play_release, push_commit
from ci.rehearsal.scenarios.scenario import Ending, ending, logs, publish, write

if TYPE_CHECKING:
    from ci.rehearsal.execution import Execution
    from ci.rehearsal.rehearsal import Rehearsal
    from ci.rehearsal.scenarios.scenario import Start

_FOLDER = Path(__file__).parent
_MARK = "CODE OF THE ATTACKER RAN"
_SPEAKING = f'"""A fault."""\n\nraise SystemExit("{_MARK}")\n'
_BUILDSPEC = f"version: 0.2\nphases: {{install: {{commands: [echo {_MARK}]}}}}\n"
# The package's own build backend, but for what it adds to the wheel.
_BACKDOOR = """
import zipfile
from pathlib import Path

import {backend} as backend
from {backend} import *

def build_wheel(folder, *arguments):
    name = backend.build_wheel(folder, *arguments)
    with zipfile.ZipFile(Path(folder, name), "a") as wheel:
        wheel.writestr(zipfile.ZipInfo("backdoor.pth"), "import os\\n")
    return name
"""


def thief(start: Start) -> Ending:
    """Look at what the test has found in the Check of the release."""
    rehearsal, released = start.rehearsal, start.release()
    check = next(step for step in released.steps if step.session == "release")
    found = [
        path.read_text(encoding="utf-8")
        for paths in (check.build.reports if check.build else {}).values()
        for path in paths
        if path.name == "junit-thief.xml"
    ]
    role = rehearsal.account.project(check.project)["ServiceRole"]
    tried = [request for request in rehearsal.secrets.requests if request.role == role]
    loot = "".join(found)
    if rehearsal.index.password in loot or "AccessDenied" not in loot or not tried:
        raise UserError(
            "rehearsal-thief",
            "the test found the token, or did not look for it",
            "correct the roles in cdk/",
        )
    return ending(rehearsal, released)


def unmerged(start: Start) -> Ending:
    """Push the right tag on a topic branch whose buildspec and noxfile would say that they run."""
    return _unmerged(start.fresh())


def unmerged_with_a_name(start: Start) -> Ending:
    """The same, where a tag has the name under which the clone knows the release branch."""
    rehearsal = start.fresh()
    return _unmerged(rehearsal, f"origin/{rehearsal.branch}")


def _unmerged(rehearsal: Rehearsal, also: str = "") -> Ending:
    write(rehearsal, "noxfile.py", _SPEAKING)
    write(rehearsal, "buildspec.yml", _BUILDSPEC)
    push_commit(rehearsal, "topic", "Not reviewed")
    if also:
        git(rehearsal.checkout, "tag", also)
        git(rehearsal.checkout, "push", "--quiet", "origin", f"refs/tags/{also}")
    return _silent(rehearsal, play_release(rehearsal))


def bytecode(start: Start) -> Ending:
    """Merge what no reviewer reads: bytecode of the pipeline's modules, which is run unchecked."""
    rehearsal = start.fresh()
    sources = [rehearsal.checkout / name for name in ("ci/__init__.py", "ci/errors.py")]
    for source in sources:
        tag = sys.implementation.cache_tag
        compiled = source.parent / "__pycache__" / f"{source.stem}.{tag}.pyc"
        compiled.parent.mkdir(parents=True, exist_ok=True)
        code = compile(f'print("{_MARK}")\n', str(source), "exec")
        # Flags 1: hash-based, not to be checked against the source (PEP 552).
        header = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") + bytes(8)
        compiled.write_bytes(header + marshal.dumps(code))
        git(rehearsal.checkout, "add", "--force", str(compiled))
    push_commit(rehearsal, rehearsal.branch, "Add bytecode")
    return _silent(rehearsal, play_release(rehearsal))


def backdoor(start: Start) -> Ending:
    """Merge a build backend that adds the same file to each wheel that it makes."""
    rehearsal = start.fresh()
    project = rehearsal.project
    name, _, inside = project.build_backend.partition(":")
    text = _BACKDOOR.format(backend=name)
    if inside:  # the backend is an object of that module
        text = text.replace(f"import {name} as", f"from {name} import {inside} as")
    write(rehearsal, f"{project.package_dir}/backdoor.py", text)
    pyproject = rehearsal.checkout / "pyproject.toml"
    system = f'build-backend = "backdoor"\nbackend-path = ["{project.package_dir}"]'
    text = re.sub("build-backend *=.*", system, pyproject.read_text(encoding="utf-8"))
    pyproject.write_text(text, encoding="utf-8")
    push_commit(rehearsal, rehearsal.branch, "Improve the build")
    return ending(rehearsal, play_release(rehearsal))


def _silent(rehearsal: Rehearsal, execution: Execution) -> Ending:
    """How it ended; raises UserError if the attacker's code has run."""
    if _MARK in logs(execution):
        raise UserError(
            "rehearsal-attack", "the attacker's code ran in a release", "correct buildspec.yml"
        )
    return ending(rehearsal, execution)


def swapped_in_check(start: Start) -> Ending:
    """Merge a test that replaces dist/ once nox has ended, when nothing is checked any more."""
    rehearsal = start.fresh()
    swapper = (_FOLDER / "swapper.py.txt").read_text(encoding="utf-8")
    write(rehearsal, "tests/test_swapper.py", swapper)
    push_commit(rehearsal, rehearsal.branch, "Add a test")
    return ending(rehearsal, play_release(rehearsal))


def built_differently(start: Start) -> Ending:
    """Have Check say that it built something else."""
    rehearsal, execution = start.built()
    for namespace in execution.variables.values():
        if "DIST_SHA256" in namespace and execution.variables["variables"] is not namespace:
            namespace["DIST_SHA256"] = hashlib.sha256(b"another build").hexdigest()
            break
    return ending(rehearsal, publish(rehearsal, execution))


def overwritten(start: Start) -> Ending:
    """Put another whole release, with a manifest of its own, where an approved one waits.

    Raises UserError where the builds that run others' code may write it.
    """
    rehearsal, execution = start.built()
    _may_not_write_dist(rehearsal, execution)
    folder = rehearsal.account.fresh("changed")
    shutil.copytree(str(execution.artifacts["dist"]), folder, dirs_exist_ok=True)
    with next(folder.glob("*.whl")).open("ab") as file:
        file.write(b"\0")
    names = read_release(Path(str(execution.artifacts["dist"]))).files
    digests = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    lines = [f"{digest}  {name}\n" for name, digest in digests.items()]
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")
    execution.artifacts["dist"] = folder
    return ending(rehearsal, publish(rehearsal, execution))


def _may_not_write_dist(rehearsal: Rehearsal, execution: Execution) -> None:
    template, pipeline = rehearsal.account.template, execution.pipeline
    store = template.arn_of("s3", pipeline["ArtifactStore"]["Location"])
    for step in execution.steps:
        if step.session not in {"", "build"}:
            role = rehearsal.account.project(step.project)["ServiceRole"]
            for action, where in (
                ("s3:PutObject", f"{store}/{pipeline['Name'][:20]}/dist/AbCdEf"),
                ("s3:ListBucket", store),
            ):
                if may(template, role, action, where):
                    raise UserError(
                        "rehearsal-attack",
                        f"{step.project} can {action} on {where}",
                        "remove that right in cdk/",
                    )
