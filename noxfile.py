#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.10"
# dependencies = ["nox[uv]>=2026.10"]
# ///
"""All tasks of this repository, as nox sessions; CodeBuild calls nothing else.

Sessions run in parallel and stop at the first failure (`-j 1` and `--no-stop-on-first-error` change
that). What follows `--` reaches the sessions whose line in `nox -l` says what they take.
"""

from __future__ import annotations

import atexit
import contextlib
import difflib
import json
import logging
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import nox
import nox.registry

nox.needs_version = ">=2026.10"
nox.options.default_venv_backend = "uv"  # virtualenv can no longer make environments for 3.8
nox.options.error_on_missing_interpreters = True  # a skipped Python is an untested Python
nox.options.allow_parallel = True
# Sessions and tests wait more than they compute: one worker more than there are cores.
WORKERS = (os.cpu_count() or 1) + 1
nox.options.parallel = WORKERS
nox.options.stop_on_first_error = True


def tested_pythons(pyproject: dict[str, Any], named: list[str] | None) -> list[str]:
    """Return the Pythons in [tool.ci], else the released ones in the classifiers, ascending."""
    found = named or nox.project.python_versions(pyproject, free_threaded=False)
    found = sorted(found, key=minor)
    out = [version for version in found if minor(version) <= minor(NEWEST_PYTHON)]
    return found if named else out or found


def minor(version: str) -> int:
    """Return the minor version as a number: 12 for "3.12"."""
    return int(version.removeprefix("3."))


def in_full(pythons: list[str], pyenv: Path, chosen: Path) -> str:
    """Return these Pythons as PYENV_VERSION has them: as `chosen` names them, or pyenv's newest."""
    named = chosen.read_text(errors="replace").split() if chosen.is_file() else []
    found = []
    for python in dict.fromkeys(pythons):
        one_digit, two_digits = f"{python}.[0-9]", f"{python}.[0-9][0-9]"
        all_of_it = [*sorted(pyenv.glob(one_digit)), *sorted(pyenv.glob(two_digits))]
        found += [path for path in all_of_it if path.name in named][:1] or all_of_it[-1:]
    return ":".join(path.name for path in found)


TOOLS_PYTHON = "3.12"  # the pipeline's own; the package's Pythons are its classifiers'
NEWEST_PYTHON = "3.15"  # of those that are out
try:
    PYPROJECT = nox.project.load_toml("pyproject.toml")
except (OSError, ValueError) as error:
    raise SystemExit(
        f"error[pyproject-syntax]: pyproject.toml is not TOML in UTF-8: {error}\n"
        "help: correct that line, or save the file as UTF-8"
    ) from None
try:
    SETTINGS = PYPROJECT.get("tool", {}).get("ci", {})
    PYTHONS = tested_pythons(PYPROJECT, SETTINGS.get("pythons"))
except (ValueError, TypeError, AttributeError) as error:
    raise SystemExit(
        f"error[no-python-classifiers]: pyproject.toml names no Pythons to test: {error}\n"
        "help: add a classifier `Programming Language :: Python :: 3.N` for each version, or\n"
        '  write into [tool.ci]: pythons = ["3.9", "3.12"]'
    ) from None
# Set by git in hooks and in `git rebase -x`: all other repositories would be taken for that one.
for variable in ("DIR", "WORK_TREE", "INDEX_FILE", "COMMON_DIR", "OBJECT_DIRECTORY", "PREFIX"):
    os.environ.pop(f"GIT_{variable}", None)
# nox asks pyenv's shims three times for each environment, 0.2 s each, unless this is set.
PYENV = Path(os.environ.setdefault("PYENV_ROOT", f"{Path.home()}/.pyenv"), "versions")
if IN_PYENV := in_full([TOOLS_PYTHON, *PYTHONS], PYENV, Path(".python-version")):
    os.environ.setdefault("PYENV_VERSION", IN_PYENV)
# Or uv reads the dependency groups before it makes an environment, and an error in them ends it.
os.environ["UV_NO_PROJECT"] = "true"
LOWEST_AND_HIGHEST = list(dict.fromkeys([PYTHONS[0], PYTHONS[-1]]))
UNCHECKED = ".nox/unchecked"  # distributions that no check has passed yet
REPORTS = "reports"
DECISIVE = ("wheel", "tests", "coverage", "ci_tests")  # how long `pr` takes depends on these
NIGHTLY = bool(os.environ.get("NIGHTLY"))  # set by `nightly` for the sessions that it runs
SHARDS = os.environ.get("SHARDS")  # the tests ran in other builds, see ci/run_tests.py
# Bytecode is kept outside of the checkout: a committed .pyc would run instead of its source.
BYTECODE = os.environ.get("PYTHONPYCACHEPREFIX") or str(Path.home() / ".cache/nox-bytecode")
# No session sees these variables, unless it says so.
CREDENTIALS = ("AWS_", "TWINE_", "PYPI_")
# The pipeline is tested in its own repository; elsewhere it is a copy.
HOME_OF_PIPELINE = Path("ci/tests").is_dir()


def install(session: nox.Session, *locks: str, keep: tuple[str, ...] = ()) -> None:
    """Install the `locks` (hash-pinned wheels); hide all credentials except those in `keep`."""
    if session.parallel:
        # Ctrl-C: nox sends its workers a SIGTERM. They are interrupted, they have not failed.
        signal.signal(signal.SIGTERM, lambda *_: session.error("interrupted"))
        if not session.name.startswith(DECISIVE):
            let_others_go_first()
    hidden = [name for name in os.environ if name.startswith(CREDENTIALS)]
    session.env.update(dict.fromkeys(name for name in hidden if not name.startswith(keep)))
    session.env["UV_NO_PROJECT"] = None  # the package's tests may call uv
    session.env["PYTHONDONTWRITEBYTECODE"] = None  # or every program compiles its imports anew
    # Environments are made anew each time, their bytecode is kept. What sees a credential reads
    # none from the checkout's folder.
    kept = Path(".nox/bytecode").absolute()
    session.env["PYTHONPYCACHEPREFIX"] = BYTECODE if keep else str(kept)
    requirements = [word for name in locks for word in ("-r", lock_file(session, name))]
    # A source distribution would run code of its own while it is installed.
    options = ("--require-hashes", "--only-binary", ":all:")
    # uv's settings in the checkout could name a cache, from which it takes files without a look.
    settings = ("--project", "/") if keep == CREDENTIALS else ()
    command = ("uv", *settings, "pip", "install", *options, *requirements)
    # Usually uv's cache has everything, and an index can take seconds to answer. Not
    # session.install, which -R skips: an environment would not follow its lock.
    if session.run(*command, "--offline", "--quiet", silent=True, success_codes=range(256)):
        session.run(*command)


def lock_file(session: nox.Session, name: str) -> str:
    """Return the path of that lock; end the session if it is missing."""
    path = "cdk/requirements.txt" if name == "cdk" else f"ci/locks/{name}.txt"
    if not Path(path).is_file():
        lacks = name in {"test", "typecheck"}.difference(PYPROJECT.get("dependency-groups", {}))
        first = f"add the dependency group {name} to pyproject.toml, then " if lacks else ""
        session.error(f"error[no-lock]: {path} is missing\nhelp: {first}run `nox -s lock`")
    return path


def let_others_go_first() -> None:
    """Give this session little of the processor while another session wants it."""
    os.nice(10)
    # Linux may weigh each session of processes as a whole; nox's worker has one of its own.
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text("10")


def run_ci(
    session: nox.Session, module: str, *arguments: str, interrupt_timeout: float | None = 0.3
) -> None:
    """Run a module of ci/ in the session's environment, with nothing else of the checkout.

    After Ctrl-C it has `interrupt_timeout` seconds to end by itself (None: as long as it takes).
    """
    python = ("python", "-I", "-X", f"pycache_prefix={BYTECODE}")
    session.run(*python, "ci/run.py", module, *arguments, interrupt_timeout=interrupt_timeout)


def pytest(session: nox.Session, *arguments: str) -> None:
    """Run pytest; its JUnit report and its coverage data are named after the session."""
    session.env["COVERAGE_FILE"] = f"{REPORTS}/.coverage.{session.name}"
    session.run("pytest", f"--junitxml={REPORTS}/junit-{session.name}.xml", *arguments)


# --- what every change must pass -----------------------------------------------------------------


@nox.session(python=TOOLS_PYTHON)
def lint(session: nox.Session) -> None:
    """Check formatting (black, or what [tool.ci] says) and style (ruff) of all that is Python."""
    install(session, "lint")
    run_ci(session, "style", "check")


@nox.session(python=TOOLS_PYTHON, default=False)
def check_locks(session: nox.Session) -> None:
    """Check that ci/locks/ still satisfies the dependency groups of pyproject.toml."""
    install(session, "checks")
    run_ci(session, "dependencies.lock", "--check")


@nox.session(python=TOOLS_PYTHON, default=False)
def check_commit(session: nox.Session) -> None:
    """Check that HEAD is the event's commit (SOURCE_COMMIT); pass if SOURCE_COMMIT is not set."""
    install(session, "checks")
    run_ci(session, "checkout.commit")


@nox.session(python=TOOLS_PYTHON, default=False)
def wheel(session: nox.Session) -> None:
    """Make the sdist, and the wheel from the sdist; `build` checks them later."""
    install(session, "build", "backend")
    run_ci(session, "distributions.build", UNCHECKED)


def install_wheel(session: nox.Session) -> None:
    """Install the wheel that `wheel` made, with its dependencies, as a user would get them."""
    wheels = sorted(Path(UNCHECKED).glob("*.whl"))
    if len(wheels) != 1:
        session.error(f"{UNCHECKED} holds {len(wheels)} wheels, not one: run `nox -s wheel`")
    name = wheels[0].name.partition("-")[0]
    # Without --upgrade, what the lock and the wheel both need has the lock's version.
    newest = ("--upgrade",) if NIGHTLY else ()
    # Not session.install, which -R skips: a stale wheel would stay.
    session.run("uv", "pip", "install", *newest, "--reinstall-package", name, str(wheels[0]))


# On the lowest Python, whose types are checked: dependencies of a newer one may be in its syntax.
@nox.session(python=PYTHONS[0], requires=["wheel"], default=SETTINGS.get("typecheck", True))
def typecheck(session: nox.Session) -> None:
    """Check the types of the package (mypy), with its dependencies installed."""
    install(session, "test")  # tests are checked too, and import it
    install(session, "typecheck")  # on its own, as the two locks may pin different versions
    install_wheel(session)
    session.run("mypy")


@nox.session(python=TOOLS_PYTHON, requires=["wheel"])
def build(session: nox.Session) -> None:
    """Check the sdist and the wheel, and put them into dist/ with their manifest."""
    install(session, "inspect")
    run_ci(session, "distributions.check", UNCHECKED)


def test_wheel(session: nox.Session) -> None:
    """Test the wheel, and measure what the tests cover."""
    install(session, "test")
    install_wheel(session)
    session.run("python", "ci/run_tests.py", session.name, *session.posargs)


@nox.session(python=LOWEST_AND_HIGHEST, requires=["wheel"])
def tests(session: nox.Session) -> None:
    """Test the wheel on the lowest and the highest Python; arguments go to pytest."""
    test_wheel(session)


@nox.session(python=PYTHONS, requires=["wheel"], default=False)
def tests_all(session: nox.Session) -> None:
    """Test the wheel on every Python of the classifiers; arguments go to pytest."""
    test_wheel(session)


@nox.session(python=TOOLS_PYTHON, requires=[] if SHARDS else ["tests"])
def coverage(session: nox.Session) -> None:
    """Combine what the tests covered on each Python, and hold it to the threshold."""
    if session.posargs:
        session.skip("the tests that the arguments select cover what they cover")
    install(session, "test")
    runs = [f"tests-{python}" for python in LOWEST_AND_HIGHEST]
    session.run("python", "ci/run_tests.py", "--coverage", *runs)


@nox.session(python=TOOLS_PYTHON, requires=["wheel"], default=False)
def audit(session: nox.Session) -> None:
    """Look for known vulnerabilities in the locks and in the wheel's dependencies: --url URL."""
    install(session, "checks")
    run_ci(session, "dependencies.audit", UNCHECKED, *session.posargs)


@nox.session(python=TOOLS_PYTHON, requires=["build"], default=False)
def reproduce(session: nox.Session) -> None:
    """Build again from a clean clone, and compare the bytes with dist/."""
    install(session, "build", "backend")
    run_ci(session, "distributions.reproduce")


@nox.session(python=TOOLS_PYTHON, requires=["build"], default=False)
def check_version(session: nox.Session) -> None:
    """If this change sets a version: check that it is new and has a changelog entry."""
    install(session, "verify", keep=("TWINE_REPOSITORY",))
    run_ci(session, "release.check_version")


@nox.session(python=TOOLS_PYTHON, requires=["build"], default=False)
def check_tag(session: nox.Session) -> None:
    """Check that the tag (RELEASE_TAG, or the one at HEAD) is the version and can be released."""
    install(session, "checks")
    run_ci(session, "release.check_tag")


if HOME_OF_PIPELINE:

    @nox.session(python=TOOLS_PYTHON, default=False)
    def ci_tests(session: nox.Session) -> None:
        """Test ci/, without the slow tests; arguments go to pytest."""
        install(session, "ci-tests")
        selected = session.posargs or ["ci/tests", f"--numprocesses={WORKERS - 1}"]
        pytest(session, "-m", "not slow", *selected)

    @nox.session(python=TOOLS_PYTHON, default=False, allow_parallel=False)
    def ci_tests_all(session: nox.Session) -> None:
        """Run all tests of ci/, and require 95 % coverage; arguments go to pytest."""
        install(session, "ci-tests")
        if session.posargs:
            pytest(session, *session.posargs)
            return
        pytest(
            session,
            "ci/tests",
            f"--numprocesses={WORKERS}",
            "--cov",
            "--cov-config=ci/tests/coverage.ini",
            "--cov-report=term:skip-covered",
            "--cov-fail-under=95",
        )

    @nox.session(python=TOOLS_PYTHON, default=False)
    def ci_typecheck(session: nox.Session) -> None:
        """Check the types of the pipeline: noxfile.py, ci/ and cdk/."""
        install(session, "ci-typecheck")
        session.run("mypy", "--config-file=ci/tests/mypy.ini")

    @nox.session(python=TOOLS_PYTHON, default=False)
    def cdk_tests(session: nox.Session) -> None:
        """Test the stack: assertions, cdk-nag, cfn-lint; arguments go to pytest."""
        install(session, "cdk-tests")
        session.env["PYTHONPATH"] = "."  # they read templates with ci.rehearsal
        pytest(session, *(session.posargs or ["cdk/tests"]))


# In the order in which they are started: the longest first.
LONGEST = ["cdk_tests", "ci_typecheck", "ci_tests"] if HOME_OF_PIPELINE else []
CHECKS = ["build", "check_version", "lint", "check_locks", "check_commit"]
CHECKS += ["typecheck"] if SETTINGS.get("typecheck", True) else []


@nox.session(venv_backend="none", default=False, requires=[*LONGEST, *CHECKS])
def checks(_: nox.Session) -> None:
    """Check all of `pr` but the tests and their coverage, where other builds do that (SHARD)."""


@nox.session(venv_backend="none", default=False, requires=[*LONGEST, "tests", *CHECKS, "coverage"])
def pr(_: nox.Session) -> None:
    """Run every check that a pull request must pass."""


@nox.session(python=TOOLS_PYTHON, default=False, allow_parallel=False)
def find_tag(session: nox.Session) -> None:
    """Check, before anything is built, that HEAD has a tag that can be released."""
    install(session, "checks")
    run_ci(session, "release.find_tag")


# `find_tag` comes first and runs alone: a release without its tag ends in two seconds.
RELEASE = ["find_tag", "pr", "check_tag", "reproduce"]


@nox.session(venv_backend="none", default=False, requires=RELEASE)
def release(_: nox.Session) -> None:
    """Run every check that a release must pass; makes dist/ and its manifest, uploads nothing."""


@nox.session(python=TOOLS_PYTHON, default=False, allow_parallel=False)
def prepare(session: nox.Session) -> None:
    """Write VERSION and its changelog entry, and show the diff; commits nothing."""
    install(session, "build", "backend")
    run_ci(session, "release.prepare", *session.posargs)


@nox.session(python=TOOLS_PYTHON, default=False, allow_parallel=False, requires=["build"])
def ready(session: nox.Session) -> None:
    """Say whether HEAD can be tagged and released, and how; [VERSION] if it comes from tags."""
    install(session, "verify", keep=("TWINE_REPOSITORY",))
    run_ci(session, "release.ready", *session.posargs)


# --- what a release does next --------------------------------------------------------------------
# Not parallel, like what helps below: they are shown as they go, and may ask.


@nox.session(python=TOOLS_PYTHON, default=False, allow_parallel=False)
def publish(session: nox.Session) -> None:
    """Upload dist/ (never builds): --dry-run, --repository NAME, --repository-url URL."""
    install(session, "publish", keep=CREDENTIALS)
    run_ci(session, "release.publish", *session.posargs)


@nox.session(python=TOOLS_PYTHON, default=False, allow_parallel=False)
def verify(session: nox.Session) -> None:
    """Install the published version as a user does, on two Pythons: --version, --index-url."""
    install(session, "verify", keep=("TWINE_REPOSITORY",))
    newest = ("--version", "newest") if NIGHTLY else ()
    run_ci(session, "release.verify", *newest, *session.posargs)


@nox.session(python=TOOLS_PYTHON, default=False, allow_parallel=False)
def nightly(session: nox.Session) -> None:
    """Test with today's dependencies, audit them, and verify the newest published version."""
    install(session, "checks", keep=("TWINE_REPOSITORY",))
    sessions = ("--no-stop-on-first-error", "-s", "tests", "audit", "verify")
    session.env["NIGHTLY"] = "true"
    again = (sys.executable, "-m", "nox", *sessions)
    run_ci(session, "dependencies.nightly", UNCHECKED, "nightly", "--", *again)


@nox.session(python=TOOLS_PYTHON, default=False, allow_parallel=False)
def rehearse(session: nox.Session) -> None:
    """Rehearse a whole release without AWS or PyPI; or: pr, nightly, faults."""
    install(session, "rehearse")
    # It ends the builds that it plays, and removes what they made.
    run_ci(session, "rehearsal", *session.posargs, interrupt_timeout=None)


# --- what helps ----------------------------------------------------------------------------------


@nox.session(python=TOOLS_PYTHON, default=False, allow_parallel=False)
def fmt(session: nox.Session) -> None:
    """Format everything that is Python, and fix what ruff can."""
    install(session, "lint")
    run_ci(session, "style", "fix")


@nox.session(python=TOOLS_PYTHON, default=False, allow_parallel=False)
def lock(session: nox.Session) -> None:
    """Write the locks again: [GROUP ...] [--upgrade]."""
    install(session, "checks")
    run_ci(session, "dependencies.lock", *session.posargs)


@nox.session(python=TOOLS_PYTHON, default=False, allow_parallel=False, reuse_venv=True)
def cdk(session: nox.Session) -> None:
    """Run the CDK CLI, with its own Node: synth, diff, deploy, destroy."""
    install(session, "cdk", keep=CREDENTIALS)
    session.env.update(dict.fromkeys(["NODE_OPTIONS", "NODE_PATH"]))
    # cdk/package-lock.json has the CLI's hash. Node also looks for modules in every folder above
    # the CLI's own: so that is neither in the checkout nor where other users can write.
    cache = Path.home() / ".cache"
    cache.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="cdk-cli-", dir=cache) as folder:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(Path("cdk", name), folder)
        with session.chdir(folder):
            session.run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
        session.chdir("cdk")
        session.run("node", f"{folder}/node_modules/aws-cdk/bin/cdk", *session.posargs)


if HOME_OF_PIPELINE:

    @nox.session(python=TOOLS_PYTHON, default=False, allow_parallel=False)
    def adopt(session: nox.Session) -> None:
        """Put the pipeline into another repository: PATH [--write] [--force], PATH --check."""
        install(session, "adopt")
        run_ci(session, "adopt", *session.posargs)

    @nox.session(python=TOOLS_PYTHON, default=False, allow_parallel=False)
    def adopt_proof(session: nox.Session) -> None:
        """Adopt the pipeline in packages from PyPI, and write the results into docs/adopting.md."""
        install(session, "adopt")
        run_ci(session, "tests.adopt_proof", *session.posargs)

    @nox.session(python=TOOLS_PYTHON, default=False, allow_parallel=False)
    def bench(session: nox.Session) -> None:
        """Measure the sessions, and tox-uv on the same work: [FOLDER], --growth, --help."""
        install(session, "bench")
        run_ci(session, "tests.bench", *session.posargs)


# --- what nox does not say -----------------------------------------------------------------------


def explain(record: logging.LogRecord) -> bool:
    """Suggest a name for an unknown session; drop the warning about --parallel."""
    if str(record.msg).startswith("Sessions not found: "):
        unknown = record.msg.partition(": ")[2].split(", ")
        known = list(nox.registry.get())
        meant = [close for name in unknown for close in difflib.get_close_matches(name, known, n=1)]
        record.msg += f"; did you mean {' and '.join(meant)}?" if meant else "; see `nox -l`"
    return "ignoring --parallel" not in str(record.msg)


def name_what_did_not_run(report: Path) -> None:
    """After a failure, name the sessions that were not started, and how to run them all."""
    text = report.read_text(encoding="utf-8")
    report.unlink()
    results = json.loads(text)["sessions"] if text else []
    if all(each["result_code"] > 0 for each in results):
        return
    ran = {(each["signatures"] or [each["name"]])[0] for each in results}
    command = (sys.executable, "-m", "nox", "--list", "--json", *sys.argv[1:])
    planned = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    left = [each["session"] for each in planned if each["session"] not in ran]
    if left:
        more = f" and {len(left[6:])} more" if left[6:] else ""
        again = shlex.join(["nox", "--no-stop-on-first-error", *sys.argv[1:]])
        print(f"not run: {', '.join(left[:6])}{more}\nto run all in spite of a failure: {again}")


logging.getLogger("nox").addFilter(explain)
if "--parallel-worker" not in sys.argv:
    end = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    asked, passed_on = sys.argv[1:end], shlex.join(sys.argv[end + 1 :])
    asked += os.environ.get("NOXSESSION", "").split(",")
    whole = {"pr", "release", "checks"}.intersection(asked)
    if passed_on and whole:
        raise SystemExit(
            f"error[arguments]: {min(whole)} takes no arguments, but got {passed_on!r}\n"
            f"help: to run some of the tests: nox -s tests -- {passed_on}"
        )
    nox.options.report = tempfile.mkstemp(prefix="nox-", suffix=".json")[1]
    atexit.register(name_what_did_not_run, Path(nox.options.report))


if __name__ == "__main__":
    nox.main()
