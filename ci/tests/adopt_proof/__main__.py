"""Adopting tried on packages from PyPI, and what came out written into docs/adopting.md.

python -m ci.tests.adopt_proof [NAME ...] [--keep FOLDER]    all, or those whose name is given

Takes many minutes. Fails when a package is not refused as packages.toml says, or its tests end
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

from ci.adopt.edit import written
from ci.adopt.needs import Need
from ci.adopt.target import BACKENDS, read_target
from ci.checkout.git import git
from ci.errors import UserError, exit_with
from ci.package.pyproject import table

_PACKAGES = Path(__file__).with_name("packages.toml")
_PAGE = Path("docs", "adopting.md")
_BEGIN, _END = "<!-- proof: begin -->\n", "<!-- proof: end -->\n"
_IDENTITY = ("-c", "user.name=Proof", "-c", "user.email=proof@example.invalid")
_OUTER = ("NOX", "COV", "VIRTUAL_ENV", "SOURCE_", "DIST_", "PYTEST_")


@dataclass
class Outcome:
    """One row of the table."""

    name: str
    version: str
    what: str = "?"
    added: str = ""
    by_hand: str = ""
    sessions: dict[str, str] = field(default_factory=dict)


def main() -> None:
    """Try the packages that the arguments name, or all; only all of them make a table."""
    parser = argparse.ArgumentParser(prog="nox -s adopt_proof --", description="prove adopting")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these packages")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave the repositories there")
    arguments = parser.parse_args()
    packages = tomllib.loads(_PACKAGES.read_text(encoding="utf-8"))["package"]
    chosen = [each for each in packages if each["name"] in (arguments.names or [each["name"]])]
    with tempfile.TemporaryDirectory(prefix="proof-") as scratch:
        folder = arguments.keep or Path(scratch)
        outcomes = [try_one(folder, package) for package in chosen]
    text = as_table(outcomes)
    print(text)
    if len(chosen) == len(packages):
        put_table(_PAGE, text)
    require_expected(chosen, outcomes)


def try_one(folder: Path, package: dict[str, Any]) -> Outcome:
    """Adopt in one package, and run the sessions there."""
    print(f"--- {package['name']} {package['version']}", flush=True)
    root = fetch(folder, package)
    outcome = Outcome(package["name"], package["version"])
    before = (root / "pyproject.toml").read_text() if (root / "pyproject.toml").exists() else ""
    options = ["--write", *(["--force"] if package.get("force") else [])]
    done = run(Path.cwd(), sys.executable, "-m", "ci.adopt", str(root), *options)
    if done.returncode:
        outcome.what = describe_refusal(before)
        outcome.sessions["adopt"] = done.stderr.strip().rpartition("[")[2].rstrip("]")
        return outcome
    target = read_target(Path.cwd(), root)
    outcome.what = f"{target.backend}, {'flat' if target.flat else 'src'}"
    outcome.added = tables_added(tomllib.loads(before), target.document)
    outcome.by_hand = add_by_hand(root, package.get("by-hand", []))
    commit(root, "Adopt")
    outcome.sessions |= run_sessions(root, "lock")
    commit(root, "Lock")
    outcome.sessions |= run_sessions(root, "lint", "tests")
    run_sessions(root, "fmt")
    outcome.sessions["lint after fmt"] = run_sessions(root, "lint")["lint"]
    return outcome


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
    return subprocess.run(command, cwd=root, env=outer, capture_output=True, text=True, check=False)


def describe_refusal(pyproject: str) -> str:
    """The build backend of a package that was refused."""
    name = table(tomllib.loads(pyproject), "build-system").get("build-backend")
    return BACKENDS[name.partition(".")[0]] if name else "setuptools, setup.py"


def tables_added(before: dict[str, Any], after: dict[str, Any]) -> str:
    """What adopt wrote into pyproject.toml: tables, with their keys."""
    old, new = dict(_leaves(before)), dict(_leaves(after))
    tables: dict[str, list[str]] = {}
    for path, value in new.items():
        if value != old.get(path):
            tables.setdefault(".".join(path[:-1]), []).append(path[-1])
    return "; ".join(f"`[{name}]` {', '.join(keys)}" for name, keys in sorted(tables.items()))


def _leaves(node: dict[str, Any], *above: str) -> list[tuple[tuple[str, ...], Any]]:
    found: list[tuple[tuple[str, ...], Any]] = []
    for key, value in node.items():
        path = (*above, key)
        found += _leaves(value, *path) if isinstance(value, dict) else [(path, value)]
    return found


def add_by_hand(root: Path, additions: list[dict[str, Any]]) -> str:
    """What a maintainer would add to pyproject.toml, as packages.toml has it."""
    path = root / "pyproject.toml"
    for each in additions:
        text = path.read_text(encoding="utf-8")
        keys = tuple(each["table"])
        present = table(tomllib.loads(text), *keys).get(each["key"], [])
        need = Need(keys, each["key"], [*present, *each["add"]], "by hand")
        path.write_text(written(text, [need]), encoding="utf-8")
    return "; ".join(
        f"`[{'.'.join(each['table'])}]` {each['key']}: {', '.join(each['add'])}"
        for each in additions
    )


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
    (root / ".nox" / f"{names[-1]}.log").write_text(done.stdout + done.stderr, encoding="utf-8")
    if not report.is_file():
        return dict.fromkeys(names, "failed")
    sessions = json.loads(report.read_text(encoding="utf-8"))["sessions"]
    signatures = {
        each["signatures"][-1] if each["name"] == "tests" else each["name"]: each["result"]
        for each in sessions
    }
    return {name: f"{result}{_numbers(root, name)}" for name, result in signatures.items()}


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


def as_table(outcomes: list[Outcome]) -> str:
    """The outcomes as a table in Markdown."""
    lines = [
        "| package | backend, layout | adopt added | by hand | lint | after fmt | tests | build |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for each in outcomes:
        refused = each.sessions.get("adopt")
        tests = "; ".join(
            f"{name.removeprefix('tests-')}: {result.removeprefix('success, ')}"
            for name, result in each.sessions.items()
            if name.startswith("tests-")
        )
        cells = (
            [f"refused: `{refused}`", "", "", "", "", ""]
            if refused
            else [
                each.added,
                each.by_hand,
                each.sessions.get("lint", ""),
                each.sessions.get("lint after fmt", ""),
                tests,
                each.sessions.get("build", ""),
            ]
        )
        lines.append(f"| {' | '.join([f'{each.name} {each.version}', each.what, *cells])} |")
    return "\n".join(lines) + "\n"


def put_table(page: Path, text: str) -> None:
    """Put the table between its two marks. Raises UserError when they are not there."""
    content = page.read_text(encoding="utf-8")
    if _BEGIN not in content or _END not in content:
        raise UserError("proof-page", f"{page} has no marks for the table", f"add {_BEGIN}{_END}")
    head, _, rest = content.partition(_BEGIN)
    page.write_text(f"{head}{_BEGIN}{text}{_END}{rest.partition(_END)[2]}", encoding="utf-8")


def require_expected(packages: list[dict[str, Any]], outcomes: list[Outcome]) -> None:
    """Raise UserError for packages that ended otherwise than packages.toml says."""
    wrong = [
        f"{package['name']} {package['version']}: {outcome.sessions}"
        for package, outcome in zip(packages, outcomes, strict=True)
        if not _as_expected(package, outcome)
    ]
    if wrong:
        raise UserError("proof-failed", "; ".join(wrong), "see the logs in .nox/ with --keep")


def _as_expected(package: dict[str, Any], outcome: Outcome) -> bool:
    if "refused" in package or "adopt" in outcome.sessions:
        return outcome.sessions.get("adopt") == package.get("refused")
    tests = [result for name, result in outcome.sessions.items() if re.match("tests-", name)]
    return bool(tests) and all(result.startswith(package["tests"]) for result in tests)


if __name__ == "__main__":
    exit_with(main)
