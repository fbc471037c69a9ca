"""The locks: one hash-pinned requirements file a dependency group, and one for the build backend.

nox -s lock -- [GROUP ...] [--upgrade]    compile them, keeping what is pinned unless asked
nox -s check_locks                        say which no longer satisfy their group
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from dependency_groups import resolve
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

from ci.errors import UserError, exit_with
from ci.package.project import Project, read_project

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

BACKEND = "backend"
OF_THE_PACKAGE = ("test", "typecheck")  # installed on its Pythons; the others are the pipeline's
_TOOLS_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
_NOX_PYTHON = "3.10"  # nox may be started by an older Python than the sessions run on
_ELSEWHERE = {"cdk": Path("cdk/requirements.txt")}  # where users of the CDK CLI look for it


def lock_file(group: str) -> Path:
    """Return the path of the lock of `group`, relative to the repository's root."""
    return _ELSEWHERE.get(group, Path("ci", "locks", f"{group}.txt"))


def wanted(project: Project, *more: str) -> dict[str, list[str]]:
    """Return the requirements of each group that has a lock or is named, with includes resolved.

    `test` and `typecheck` are the package's, and always get one.

    Raises UserError when there is no group `test`, and for a group that includes one that isn't
    there, or itself, or holds what is no requirement (PEP 735).
    """
    if "test" not in project.groups:
        raise UserError(
            "no-test-group",
            "pyproject.toml has no dependency group named test",
            'add test = ["pytest", "pytest-cov", …] to [dependency-groups], with every package'
            " that the tests import",
        )
    requirements = {}
    for group in project.groups:
        if (
            group not in (*OF_THE_PACKAGE, *more)
            and not (project.root / lock_file(group)).is_file()
        ):
            continue
        try:
            requirements[group] = list(resolve(project.groups, group))
        except (ValueError, LookupError, TypeError, ExceptionGroup) as error:
            raise UserError(
                "dependency-group",
                f"the dependency group {group!r} in pyproject.toml can't be resolved ({error})",
                "correct it as PEP 735 describes",
            ) from None
    return {**requirements, BACKEND: list(project.backend_requires)}


def pythons(project: Project, group: str) -> list[str]:
    """Return the Python versions, ascending, on which the lock of `group` is installed."""
    if group in OF_THE_PACKAGE:
        return list(project.python_versions)
    if group == "nox":
        return [_NOX_PYTHON, _TOOLS_PYTHON]
    return [_TOOLS_PYTHON]


# --- check ---------------------------------------------------------------------------------------


def pins(text: str) -> list[Requirement]:
    """Return the pinned requirements of a lock, without their hashes."""
    return [Requirement(line.partition(" --hash=")[0]) for line in _logical_lines(text)]


def unsatisfied(requirements: Iterable[str], lock: Sequence[Requirement], python: str) -> list[str]:
    """Return the `requirements` that apply on `python` but that no pin in `lock` satisfies."""
    environment = {"python_version": python, "python_full_version": f"{python}.99"}
    return [text for text in requirements if not _satisfied(Requirement(text), lock, environment)]


def _satisfied(
    requirement: Requirement, lock: Sequence[Requirement], environment: Mapping[str, str]
) -> bool:
    if requirement.marker and not requirement.marker.evaluate(dict(environment)):
        return True
    return any(
        canonicalize_name(pin.name) == canonicalize_name(requirement.name)
        and (pin.marker is None or pin.marker.evaluate(dict(environment)))
        and {*map(canonicalize_name, requirement.extras)} <= {*map(canonicalize_name, pin.extras)}
        and all(requirement.specifier.contains(s.version, prereleases=True) for s in pin.specifier)
        for pin in lock
    )


def check(project: Project) -> None:
    """Raise UserError for locks that are missing, broken, or no longer satisfy their group."""
    found = [
        line
        for group, requirements in wanted(project).items()
        for line in _stale(project, group, requirements)
    ]
    if found:
        raise UserError(
            "stale-lock", "; ".join(found), "run `nox -s lock` and commit what it wrote"
        )


def _stale(project: Project, group: str, requirements: Sequence[str]) -> list[str]:
    """Return one line for each problem of the lock of `group`."""
    path = lock_file(group)
    try:
        text = (project.root / path).read_text(encoding="utf-8")
    except FileNotFoundError:
        return [f"{path} is missing"]
    except UnicodeDecodeError as error:
        return [f"{path} is not a valid lock ({error})"]
    odd = [f"{path} {line}" for line in odd_lines(text)]
    if odd:
        return odd
    try:
        lock = pins(text)
    except InvalidRequirement as error:
        return [f"{path} is not a valid lock ({error})"]
    extra = [f"{path} pins {name}, which nothing requires" for name in unasked(requirements, text)]
    missing: dict[str, list[str]] = {}
    for python in pythons(project, group):
        for text in unsatisfied(requirements, lock, python):
            missing.setdefault(text, []).append(python)
    return extra + [
        f"{path} does not satisfy {text!r} on Python {', '.join(versions)}"
        for text, versions in missing.items()
    ]


# A pin: a name of PyPI's, one version, perhaps a marker, and at least one hash of what is allowed.
_PIN = re.compile(
    r"(?P<name>[a-z0-9]+(?:-[a-z0-9]+)*)(?:\[[\w, -]+\])?==(?P<version>[0-9][\w.!+]*)"
    r"(?: ?;(?P<marker>(?:(?! --hash=)[^#])+))?(?: +--hash=sha256:[0-9a-f]{64})+"
)


def odd_lines(text: str) -> Iterator[str]:
    """Yield every line of a lock that is not a comment or a pin with hashes, and second pins.

    Installers obey an option in a requirements file, such as --index-url.
    """
    first: dict[tuple[str, str], str] = {}
    for line in _logical_lines(text):
        pin = _PIN.fullmatch(line)
        if pin is None:
            yield f"has {line[:80]!r}, which is no pin of one version with its sha256 hashes"
            continue
        key = (pin["name"], " ".join((pin["marker"] or "").split()))
        if key in first:
            yield f"pins {pin['name']} twice: {first[key]} and {pin['version']}"
        first[key] = pin["version"]


# A hash as uv writes it, with the end of the line before it.
_HASH = re.compile(r" \\\n    --hash=sha256:([0-9a-f]{64})")


def _logical_lines(text: str) -> Iterator[str]:
    """Yield each line joined with its continuation lines, as installers read it; no comments."""
    # A comment ends with its line, also where that ends in a backslash.
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if line.strip():
            yield " ".join(line.split())


def unasked(requirements: Iterable[str], lock: str) -> list[str]:
    """Return the pinned names that neither a requirement nor another pin requires.

    Who asks for a pin stands below it, as uv writes it: "# via".
    """
    asking: dict[str, set[str]] = {}
    for block in re.split(r"\n(?=[A-Za-z0-9])", lock):
        name = re.match(r"[A-Za-z0-9._-]*", block)
        comments = re.findall(r"#(?: +via)?(?: +([a-z0-9][a-z0-9-]*))?(?=\n|$)", block)
        asking.setdefault(name[0] if name else "", set()).update(filter(None, comments))
    asked: set[str] = {canonicalize_name(Requirement(text).name) for text in requirements}
    before: set[str] = set()
    while asked != before:
        before = set(asked)
        asked |= {name for name, askers in asking.items() if askers & asked}
    return sorted(name for name in asking.keys() - asked if name)


# --- compile -------------------------------------------------------------------------------------


def compile_locks(project: Project, groups: Sequence[str], *, upgrade: bool) -> None:
    """Write the locks of `groups` (all if empty); if one fails, replace none.

    Raises UserError for a group that isn't there, or that can't be resolved.
    """
    requirements = wanted(project, *groups)
    unknown = sorted(set(groups) - set(requirements))
    if unknown:
        raise UserError(
            "unknown-group",
            f"pyproject.toml has no dependency group {', '.join(unknown)}",
            f"use one or more of {', '.join(requirements)}",
        )
    with tempfile.TemporaryDirectory(prefix=".locks-", dir=project.root) as scratch:
        made = {}
        for group in groups or requirements:
            made[group] = Path(scratch, f"{group}.txt")
            _compile(project, group, requirements[group], made, upgrade=upgrade)
        for group, path in made.items():
            target = project.root / lock_file(group)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
            print(f"{lock_file(group)}: {len(pins(target.read_text(encoding='utf-8')))} pins")


def _compile(
    project: Project,
    group: str,
    requirements: Sequence[str],
    made: Mapping[str, Path],
    *,
    upgrade: bool,
) -> None:
    current = project.root / lock_file(group)
    if current.is_file() and not upgrade:
        # Without hashes: uv would keep those that are there, also for another Python.
        made[group].write_text(_HASH.sub("", current.read_text(encoding="utf-8")), encoding="utf-8")
    options = ["--constraints", str(_build_lock(project, made))] if group == BACKEND else []
    python = pythons(project, group)[0]
    options += ["--generate-hashes", "--no-strip-extras", "--output-file", str(made[group]), "-"]
    _uv(project, group, python, *options, requirements="\n".join(requirements))
    # The other format of a lock tells which file a hash is of. It has addresses, and is not kept.
    files = made[group].with_name(f"pylock.{group}.toml")
    _uv(project, group, python, "--no-deps", "--output-file", str(files), str(made[group]))
    hashes = _installable(tomllib.loads(files.read_text(encoding="utf-8")), group)
    text = made[group].read_text(encoding="utf-8")
    text = _HASH.sub(lambda match: match[0] if match[1] in hashes else "", text)
    made[group].write_text(text, encoding="utf-8")


def _installable(pylock: Mapping[str, Any], group: str) -> set[str]:
    """The sha256 of each wheel that a session can install from the lock of `group`.

    Sessions install no sdists, and the tools' own locks on one Python only. Raises UserError for a
    package without such a wheel.
    """
    several = group in (*OF_THE_PACKAGE, "nox")
    found: set[str] = set()
    for package in pylock.get("packages", []):
        hashes = {
            wheel["hashes"]["sha256"]
            for wheel in package.get("wheels", [])
            if several or _runs_here(unquote(urlsplit(wheel.get("url") or wheel["path"]).path))
        }
        if not hashes:
            name = f"{package['name']} {package.get('version', '')}".strip()
            where = "" if several else f" for Python {_TOOLS_PYTHON}"
            raise UserError(
                "lock-no-wheel",
                f"{name}, which the group {group!r} needs, has no wheel{where}",
                "require a version that has one; sessions install no source distributions",
            )
        found |= hashes
    return found


def _runs_here(path: str) -> bool:
    """Whether that wheel is for the tools' Python, on any platform."""
    minor = sys.version_info.minor
    for tag in parse_wheel_filename(path.rpartition("/")[2])[3]:
        oldest = int(re.sub(r"\D", "", tag.interpreter)[1:] or 0)  # 12 of cp312, 0 of py3
        if tag.interpreter.startswith("py3") or tag.abi == "abi3":
            if oldest <= minor:
                return True
        elif tag.interpreter == f"cp3{minor}" and tag.abi in (tag.interpreter, "none"):
            return True
    return False


def _uv(project: Project, group: str, python: str, *options: str, requirements: str = "") -> None:
    """Have uv resolve for that Python and everything newer; raises UserError where it can't."""
    done = subprocess.run(
        [
            *("uv", "pip", "compile", "--quiet", "--universal", "--no-header"),
            *("--python", sys.executable, "--python-version", python, *options),
        ],
        cwd=project.root,
        input=requirements,
        env={**os.environ, "UV_CUSTOM_COMPILE_COMMAND": "nox -s lock"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise UserError(
            "lock-unresolvable",
            f"uv can't lock the group {group!r}: {' '.join(done.stderr.split())}",
            "loosen the requirements that contradict each other; no lock was changed",
        )


def _build_lock(project: Project, made: Mapping[str, Path]) -> Path:
    """Return the lock that the backend's lock must agree with: one environment gets both."""
    return made.get("build", project.root / lock_file("build"))


def main() -> None:
    """Run one of the two commands of the module's docstring."""
    parser = argparse.ArgumentParser(prog="nox -s lock --", description="compile the locks")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help="only these groups")
    parser.add_argument(
        "--upgrade", action="store_true", help="update all pins to the newest versions"
    )
    parser.add_argument(
        "--check", action="store_true", help="change nothing; fail if a lock is stale"
    )
    arguments = parser.parse_args()
    project = read_project(Path.cwd())
    if arguments.check:
        check(project)
    else:
        compile_locks(project, arguments.groups, upgrade=arguments.upgrade)


if __name__ == "__main__":
    exit_with(main)
