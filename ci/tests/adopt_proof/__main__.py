"""Adopting tried on packages from PyPI, and what came out written into docs/adopting.md.

nox -s adopt_proof -- [NAME ...] [--keep FOLDER]    all, or those whose name is given

Takes many minutes. Fails when a package is not refused as packages.toml says, or its sessions end
otherwise; lint may well be red, a package's style being its own.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pypi_simple import PyPISimple

from ci.adopt.adopter import BACKENDS, read_adopter
from ci.adopt.edit import written
from ci.adopt.needs import Need
from ci.checkout.git import changed_files, git
from ci.errors import UserError, exit_with
from ci.package.project import read_project
from ci.package.pyproject import load, table

_PACKAGES = Path(__file__).with_name("packages.toml")
_PAGE = Path("docs", "adopting.md")
_BEGIN, _END = "<!-- proof: begin -->\n", "<!-- proof: end -->\n"
_IDENTITY = ("-c", "user.name=Proof", "-c", "user.email=proof@example.invalid")
_OUTER = ("NOX", "COV", "VIRTUAL_ENV", "SOURCE_", "DIST_", "PYTEST_", "PYENV_VERSION")
_TIMEOUT = 1500  # seconds that one session may take
_COLUMNS = ("package", "why it is here", "backend, layout", "by hand")
_SESSIONS = ("lint", "typecheck", "tests", "build", "fmt rewrote")


@dataclass
class Outcome:
    """One row of the table."""

    name: str
    version: str
    why: str
    what: str = "?"
    by_hand: str = ""
    refused: str = ""
    sessions: dict[str, str] = field(default_factory=dict)


def main() -> None:
    """Try the packages that the arguments name, or all; each gets its row in the table."""
    parser = argparse.ArgumentParser(prog="nox -s adopt_proof --", description="prove adopting")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these packages")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave the repositories there")
    arguments = parser.parse_args()
    own = read_project(Path.cwd()).name
    packages = tomllib.loads(_PACKAGES.read_text(encoding="utf-8"))["package"]
    packages = [{"name": own, **package} for package in packages]
    chosen = [each for each in packages if each["name"] in (arguments.names or [each["name"]])]
    outcomes = []
    for package in chosen:
        with tempfile.TemporaryDirectory(prefix="proof-") as scratch:
            outcomes.append(try_one(arguments.keep or Path(scratch), package))
        print(row(outcomes[-1]), flush=True)
        put_row(_PAGE, packages, outcomes[-1])
    require_expected(chosen, outcomes)


def try_one(folder: Path, package: dict[str, Any]) -> Outcome:
    """Adopt in one package, and run the sessions there."""
    root = fetch(folder, package)
    outcome = Outcome(package["name"], package["version"], package["why"])
    by_hand = [f"{path} removed" for path in package.get("removed", [])]
    for path in package.get("removed", []):
        (root / path).unlink()
    if "pythons" in package:
        by_hand.append(choose_pythons(root, package["pythons"]))
    dry, done = adopt(root, package), adopt(root, package, "--write")
    if done.returncode:
        outcome.what = describe_refused(root)
        found = re.search(r"error\[([\w-]+)\]", done.stderr)
        outcome.refused = found[1] if found else f"broken: {done.stderr}"
        return outcome
    require_dry(dry, done)
    adopter = read_adopter(Path.cwd(), root)
    outcome.what = f"{adopter.backend}, {'flat' if adopter.flat else 'src'}"
    by_hand += add_by_hand(root, package.get("by-hand", []))
    outcome.by_hand = "; ".join(by_hand)
    commit(root, "Adopt")
    outcome.sessions |= run_sessions(root, "lock")
    commit(root, "Lock")
    # A version that comes from git is this one from here on, and no other one is touched by it.
    git(root, *_IDENTITY, "tag", f"v{package['version']}")
    typed = ["typecheck"] if adopter.project.settings.typecheck else []
    outcome.sessions |= run_sessions(root, "lint", *typed, "tests", "build")
    run_sessions(root, "fmt")
    outcome.sessions["fmt rewrote"] = f"{len(changed_files(root))} files"
    return outcome


def adopt(root: Path, package: dict[str, Any], *options: str) -> subprocess.CompletedProcess[str]:
    """Run adopt on the package; without options it is dry."""
    force = ["--force"] if package.get("force") else []
    before = changed_files(root)
    done = run(Path.cwd(), sys.executable, "-I", "ci/run.py", "adopt", str(root), *force, *options)
    if not options and changed_files(root) != before:
        raise UserError("proof-dry", f"adopt without --write changed {root}", "find out why")
    return done


def require_dry(
    dry: subprocess.CompletedProcess[str], done: subprocess.CompletedProcess[str]
) -> None:
    """Raise UserError unless the dry run showed what was then written."""
    shown, _, _ = dry.stdout.partition("\nnothing was written")
    made, _, _ = done.stdout.partition("\nall of this was written")
    if dry.returncode or shown != made:
        raise UserError("proof-dry", f"a dry run says {dry.stderr or shown}", "find out why")


def fetch(folder: Path, package: dict[str, Any]) -> Path:
    """The sdist from PyPI, its sha256 compared, unpacked, and committed to git."""
    name, version = package["name"], package["version"]
    with PyPISimple() as index:
        sdists = [
            file
            for file in index.get_project_page(name).packages
            if file.package_type == "sdist" and file.version == version
        ]
        archive = folder / sdists[0].filename
        folder.mkdir(parents=True, exist_ok=True)
        index.download_package(sdists[0], archive)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != package["sha256"]:
        raise UserError("proof-sha256", f"{archive.name} has sha256 {digest}", "find out why")
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    root = folder / archive.name.removesuffix(".tar.gz")
    made_by_build = (root / "PKG-INFO", *root.glob("*.egg-info"), *root.glob("src/*.egg-info"))
    for made in [*made_by_build, *root.rglob(".git")]:
        shutil.rmtree(made) if made.is_dir() else made.unlink()
    git(root, "init", "--quiet", "--initial-branch=main")
    commit(root, "As released")
    return root


def commit(root: Path, message: str) -> None:
    """Commit everything."""
    git(root, "add", "--all")
    git(root, *_IDENTITY, "commit", "--quiet", "--no-gpg-sign", "--allow-empty", "-m", message)


def run(root: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a user would, in an environment of its own."""
    outer = {name: value for name, value in os.environ.items() if not name.startswith(_OUTER)}
    try:
        return subprocess.run(
            command,
            cwd=root,
            env=outer,
            capture_output=True,
            text=True,
            check=False,
            timeout=_TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"it took more than {_TIMEOUT} s")


def describe_refused(root: Path) -> str:
    """The build backend of a package that was refused."""
    if not (root / "pyproject.toml").is_file():
        return "setuptools, setup.py"
    name = str(table(load(root / "pyproject.toml"), "build-system").get("build-backend", ""))
    return BACKENDS.get(name.partition(".")[0], name or "setuptools, setup.py")


def choose_pythons(root: Path, pythons: list[str]) -> str:
    """Name the Pythons to test on, in place of what the classifiers say."""
    path = root / "pyproject.toml"
    need = Need(("tool", "ci"), "pythons", pythons, "those that are here")
    path.write_text(written(path.read_text(encoding="utf-8"), [need]), encoding="utf-8")
    commit(root, "Choose the Pythons")
    return f"`[tool.ci]` pythons: {', '.join(pythons)}"


def add_by_hand(root: Path, additions: list[dict[str, Any]]) -> list[str]:
    """What a maintainer would add to pyproject.toml, as packages.toml has it."""
    path = root / "pyproject.toml"
    for each in additions:
        text = path.read_text(encoding="utf-8")
        keys = tuple(each["table"])
        present = table(tomllib.loads(text), *keys).get(each["key"], [])
        need = Need(keys, each["key"], [*present, *each["add"]], "by hand")
        path.write_text(written(text, [need]), encoding="utf-8")
    return [
        f"`[{'.'.join(each['table'])}]` {each['key']}: {', '.join(each['add'])}"
        for each in additions
    ]


def run_sessions(root: Path, *names: str) -> dict[str, str]:
    """The result of each session that nox ran for `names`, tests with their numbers."""
    report = root / ".nox" / "report.json"
    report.parent.mkdir(exist_ok=True)
    report.unlink(missing_ok=True)
    done = run(
        root,
        *(sys.executable, "-m", "nox", "--no-stop-on-first-error", "--report", str(report)),
        *("-s", *names),
    )
    log = done.stdout + done.stderr
    (root / ".nox" / f"{names[-1]}.log").write_text(log, encoding="utf-8")
    if not report.is_file():
        return dict.fromkeys(names, "failed")
    results = {}
    for each in json.loads(report.read_text(encoding="utf-8"))["sessions"]:
        name = each["signatures"][-1] if each["name"] == "tests" else each["name"]
        results[name] = each["result"] + _numbers(root, name)
    if results.get("lint") == "failed":
        found = re.search(r"error\[style\]: ([\w ]+) found", log)
        results["lint"] += f": {found[1]}" if found else ""
    return results


def _numbers(root: Path, session: str) -> str:
    junit = root / "reports" / f"junit-{session}.xml"
    if not junit.is_file():
        return ""
    tree = ET.parse(junit)  # noqa: S314 - its author's code has been run anyway
    suite = next(tree.getroot().iter("testsuite"))
    bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
    good = int(suite.get("tests", 0)) - bad - int(suite.get("skipped", 0))
    return f", {good} passed" + (f", {bad} failed" if bad else "")


# --- the table -----------------------------------------------------------------------------------


def row(outcome: Outcome) -> str:
    """One line of the table."""
    first = [f"{outcome.name} {outcome.version}", outcome.why, outcome.what]
    if outcome.refused:
        cells = [f"refused: `{outcome.refused}`", *("" for _ in _SESSIONS)]
    else:
        tests = "; ".join(
            f"{name.removeprefix('tests-')}: {result.removeprefix('success, ')}"
            for name, result in outcome.sessions.items()
            if name.startswith("tests-")
        )
        results = {"typecheck": "off", **outcome.sessions, "tests": tests}
        cells = [outcome.by_hand, *(results.get(name, "") for name in _SESSIONS)]
    return f"| {' | '.join([*first, *cells])} |"


def put_row(page: Path, packages: list[dict[str, Any]], outcome: Outcome) -> None:
    """Put a row into the table between its two marks, in the order of packages.toml.

    Raises UserError when the marks are not there.
    """
    content = page.read_text(encoding="utf-8")
    if _BEGIN not in content or _END not in content:
        raise UserError("proof-page", f"{page} has no marks for the table", f"add {_BEGIN}{_END}")
    head, _, rest = content.partition(_BEGIN)
    old, _, tail = rest.partition(_END)
    rows = {line.split(" | ")[0]: line for line in [*old.splitlines()[2:], row(outcome)]}
    names = [f"| {each['name']} {each['version']}" for each in packages]
    titles = (*_COLUMNS, *_SESSIONS)
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    lines += [rows[name] for name in names if name in rows]
    page.write_text(f"{head}{_BEGIN}" + "\n".join([*lines, _END]) + tail, encoding="utf-8")


def require_expected(packages: list[dict[str, Any]], outcomes: list[Outcome]) -> None:
    """Raise UserError for packages that ended otherwise than packages.toml says."""
    wrong = [
        f"{outcome.name} {outcome.version}: {outcome.refused or outcome.sessions}"
        for package, outcome in zip(packages, outcomes, strict=True)
        if not _as_expected(package, outcome)
    ]
    if wrong:
        raise UserError("proof-failed", "; ".join(wrong), "see the logs in .nox/ with --keep")


def _as_expected(package: dict[str, Any], outcome: Outcome) -> bool:
    """Refused as it should be; else every session but lint is green, but for `red`."""
    if "refused" in package or outcome.refused:
        return outcome.refused == package.get("refused")
    red = {
        name
        for name, result in outcome.sessions.items()
        if not result.startswith("success") and name not in {"lint", "fmt rewrote"}
    }
    return red == {*package.get("red", [])} and any(
        name.startswith("tests-") for name in outcome.sessions
    )


if __name__ == "__main__":
    exit_with(main)
