#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.10"
# dependencies = ["nox[uv]>=2026.10"]
# ///
"""Everything that can be done here; CodeBuild calls nothing else.

Sessions run in parallel and stop at the first failure (`-j 1` and `--no-stop-on-first-error` change
that). What follows `--` reaches the tool.
"""

from __future__ import annotations

import os
from pathlib import Path

import nox

nox.needs_version = ">=2026.10"
nox.options.default_venv_backend = "uv"  # virtualenv can no longer make environments for 3.8
nox.options.error_on_missing_interpreters = True  # a skipped Python is an untested Python
nox.options.allow_parallel = True
nox.options.parallel = "auto"  # type: ignore[assignment]  # nox converts the word
nox.options.stop_on_first_error = True

TOOLS = "3.12"  # what the pipeline itself runs on; the package's Pythons are its classifiers'
try:
    PYTHONS = nox.project.python_versions(nox.project.load_toml("pyproject.toml"))
except (OSError, ValueError, TypeError, AttributeError) as error:
    raise SystemExit(f"error: pyproject.toml gives no Python versions: {error}: mend it") from None
LOWEST_AND_HIGHEST = list(dict.fromkeys([PYTHONS[0], PYTHONS[-1]]))
CDK_CLI = "aws-cdk@2.1148.1"  # a newer one can't read what the locked aws-cdk-lib writes
LOCKS = {"cdk": "cdk/requirements.txt"}  # the one that is not ci/locks/<name>.txt
REPORTS = "reports"
COVERAGE = ("--cov", "--cov-report=", "--cov-fail-under=0")  # measured here, judged elsewhere
PIPELINE_HOME = Path(
    "ci/tests"
).is_dir()  # elsewhere the pipeline is a copy, which is tested here only
CREDENTIALS = ("AWS_", "TWINE_", "PYPI_")  # from every session that does not keep them


def setup(session: nox.Session, *locks: str, keep: tuple[str, ...] = ()) -> None:
    """Install `locks` (hash-pinned), and take away what only an upload may know."""
    hidden = [
        name for name in os.environ if name.startswith(CREDENTIALS) and not name.startswith(keep)
    ]
    session.env.update(dict.fromkeys(hidden))
    session.env["PYTHONDONTWRITEBYTECODE"] = None  # or every program compiles its imports anew
    if locks:
        files = [word for name in locks for word in ("-r", LOCKS.get(name, f"ci/locks/{name}.txt"))]
        session.install("--require-hashes", *files)


def paths(exclude: str) -> list[str]:
    """Everything here, or, where the pipeline is a copy, everything that is not the pipeline's."""
    copied = "/(ci|cdk)/|/noxfile.py$" if "force" in exclude else "ci,cdk,noxfile.py"
    return ["."] if PIPELINE_HOME else [exclude, copied, "."]


def pytest(session: nox.Session, *arguments: str) -> None:
    """Run pytest; its JUnit report and coverage data are named after the session."""
    name = session.name
    session.run(
        *("pytest", f"--junitxml={REPORTS}/junit-{name}.xml"),
        *arguments,
        *session.posargs,
        env={"COVERAGE_FILE": f"{REPORTS}/.coverage.{name}"},
    )


# --- what every change must pass -----------------------------------------------------------------


@nox.session(python=TOOLS)
def lint(session: nox.Session) -> None:
    """Check formatting (black) and style (ruff) of everything that is Python."""
    setup(session, "lint")
    session.run("black", "--check", *paths("--force-exclude"))
    session.run("ruff", "check", *paths("--extend-exclude"))


@nox.session(python=TOOLS)
def typecheck(session: nox.Session) -> None:
    """Check types (mypy --strict): the package for its lowest Python, the pipeline for its own."""
    setup(session, "typecheck")
    session.run("mypy")
    if PIPELINE_HOME:
        session.run("mypy", "--python-version", TOOLS, "noxfile.py", "ci")


@nox.session(python=TOOLS, default=False)
def check_locks(session: nox.Session) -> None:
    """Check that ci/locks/ still satisfies the dependency groups of pyproject.toml."""
    setup(session, "checks")
    session.run("python", "-m", "ci.dependencies.lock", "--check")


@nox.session(default=False)
def pythons(session: nox.Session) -> None:
    """Find the Pythons that are needed; uv fetches those that are missing."""
    for version in dict.fromkeys([TOOLS, *LOWEST_AND_HIGHEST]):
        try:
            session.run("uv", "run", "--no-project", "--python", version, "python", "--version")
        except nox.command.CommandFailed:
            how = f"`uv python install {version}` or `pyenv install {version}`"
            session.error(f"there is no Python {version} here: get it with {how}")


@nox.session(python=TOOLS, requires=["pythons"])
def build(session: nox.Session) -> None:
    """Build sdist and wheel into dist/, with all that a distribution must hold and must not."""
    setup(session, "build", "backend")
    session.run("python", "-m", "ci.distributions.build")


def run_tests(session: nox.Session) -> None:
    """Test the wheel that `build` made, with its dependencies as a user would get them."""
    setup(session, "test")
    dist = Path(os.environ.get("DIST_DIR") or "dist")
    wheels = sorted(dist.glob("*.whl"))
    if len(wheels) != 1:
        session.error(f"{dist} holds {len(wheels)} wheels, not one: run `nox -s build`")
    name = wheels[0].name.partition("-")[0]
    # Not session.install, which -R skips: a stale wheel would be tested.
    session.run("uv", "pip", "install", "--reinstall-package", name, str(wheels[0]))
    # "append": the folder that holds the tests never hides the installed package.
    pytest(session, "--import-mode=append", *COVERAGE)


@nox.session(python=LOWEST_AND_HIGHEST, requires=["build"])
def tests(session: nox.Session) -> None:
    """Test the built wheel on the lowest and the highest Python; arguments go to pytest."""
    run_tests(session)


@nox.session(python=PYTHONS, requires=["build"], default=False)
def tests_all(session: nox.Session) -> None:
    """Test the built wheel on every Python of the classifiers; arguments go to pytest."""
    run_tests(session)


@nox.session(python=TOOLS, requires=["tests"])
def coverage(session: nox.Session) -> None:
    """Combine what the tests covered on each Python, and hold it to the threshold."""
    setup(session, "test")
    session.env["COVERAGE_FILE"] = f"{REPORTS}/.coverage"
    session.run(
        "coverage", "combine", *(f"{REPORTS}/.coverage.tests-{end}" for end in LOWEST_AND_HIGHEST)
    )
    session.run("coverage", "xml", "--fail-under=0", "-o", f"{REPORTS}/coverage.xml")
    session.run("coverage", "report")


@nox.session(python=TOOLS, requires=["build"], default=False)
def reproduce(session: nox.Session) -> None:
    """Build once more, from a fresh clone: the same bytes, or what differs."""
    setup(session, "build", "backend")
    session.run("python", "-m", "ci.distributions.reproduce")


@nox.session(python=TOOLS, default=False)
def check_commit(session: nox.Session) -> None:
    """Check that this is the commit that the event named (SOURCE_COMMIT), if one did."""
    setup(session, "checks")
    session.run("python", "-m", "ci.checkout.commit")


@nox.session(python=TOOLS, requires=["build"], default=False)
def check_tag(session: nox.Session) -> None:
    """Check that the tag (RELEASE_TAG, or the one at HEAD) is the version, and may be released."""
    setup(session, "checks")
    session.run("python", "-m", "ci.release.check_tag")


@nox.session(python=TOOLS, default=False)
def ci_tests(session: nox.Session) -> None:
    """Test ci/, but for what is slow; arguments go to pytest."""
    setup(session, "ci-tests")
    pytest(session, "ci/tests", "-m", "not slow")


@nox.session(python=TOOLS, default=False, allow_parallel=False)
def ci_tests_all(session: nox.Session) -> None:
    """Test ci/ also with faulty servers, real sessions and whole plays, and hold its coverage."""
    setup(session, "ci-tests")
    threshold = 0 if session.posargs else 95  # a selection covers what it covers
    pytest(
        session,
        *("ci/tests", *COVERAGE, "--cov-config=ci/tests/coverage.ini"),
        *("--cov-report=term:skip-covered", f"--cov-fail-under={threshold}"),
    )


@nox.session(python=TOOLS, default=False)
def cdk_tests(session: nox.Session) -> None:
    """Test the stack: types, assertions, cdk-nag, cfn-lint; arguments go to pytest."""
    setup(session, "cdk-tests")
    report = Path(REPORTS, "junit-cdk_tests.xml").absolute()
    session.chdir("cdk")
    session.run("pytest", "tests", f"--junitxml={report}", *session.posargs)
    session.run("mypy", "--strict", "--python-version", TOOLS, ".")


CHECKS = ["lint", "typecheck", "check_locks", "check_commit", "coverage"]
CHECKS += ["cdk_tests", "ci_tests"] if PIPELINE_HOME else []


@nox.session(venv_backend="none", default=False, requires=CHECKS)
def pr(_: nox.Session) -> None:
    """Check all that a pull request must pass."""


@nox.session(venv_backend="none", default=False, requires=["pr", "check_tag", "reproduce"])
def release(_: nox.Session) -> None:
    """Check all that a release must pass; leaves dist/ and its manifest, uploads nothing."""


# --- what a release does next --------------------------------------------------------------------
# Not parallel, like what helps below: they are shown as they go, and may ask.


@nox.session(python=TOOLS, default=False, allow_parallel=False)
def publish(session: nox.Session) -> None:
    """Upload dist/ (never builds): --dry-run, --repository NAME, --repository-url URL."""
    setup(session, "publish", keep=CREDENTIALS)
    session.run("python", "-m", "ci.release.publish", *session.posargs)


@nox.session(python=TOOLS, default=False, allow_parallel=False)
def verify(session: nox.Session) -> None:
    """Install what was published, from the index, as a user on the lowest and highest Python."""
    setup(session, "verify", keep=("TWINE_REPOSITORY",))
    session.run("python", "-m", "ci.release.verify", *session.posargs)


@nox.session(python=TOOLS, default=False, allow_parallel=False)
def rehearse(session: nox.Session) -> None:
    """Play a whole release without AWS or PyPI: release (the default), `pr` or `faults`."""
    setup(session, "rehearse")
    session.run("python", "-m", "ci.rehearsal", *session.posargs)


# --- what helps ----------------------------------------------------------------------------------


@nox.session(python=TOOLS, default=False, allow_parallel=False)
def fmt(session: nox.Session) -> None:
    """Format everything that is Python, and mend what ruff can."""
    setup(session, "lint")
    session.run("ruff", "check", "--fix-only", *paths("--extend-exclude"))
    session.run("black", *paths("--force-exclude"))


@nox.session(python=TOOLS, default=False, allow_parallel=False)
def lock(session: nox.Session) -> None:
    """Compile the locks again: [GROUP ...] [--upgrade]."""
    setup(session, "checks")
    session.run("python", "-m", "ci.dependencies.lock", *session.posargs)


@nox.session(python=TOOLS, default=False, allow_parallel=False, reuse_venv=True)
def cdk(session: nox.Session) -> None:
    """Run the CDK CLI, with a Node of its own: synth, diff, deploy, destroy."""
    setup(session, "cdk", keep=CREDENTIALS)
    session.chdir("cdk")
    session.run("npx", "--yes", "--prefer-offline", CDK_CLI, *session.posargs)


if PIPELINE_HOME:

    @nox.session(python=TOOLS, default=False, allow_parallel=False)
    def adopt(session: nox.Session) -> None:
        """Put the pipeline into another repository: PATH [--write] [--force], PATH --check."""
        setup(session, "adopt")
        session.run("python", "-m", "ci.adopt", *session.posargs)

    @nox.session(python=TOOLS, default=False, allow_parallel=False)
    def adopt_proof(session: nox.Session) -> None:
        """Try adopting on packages from PyPI; what comes out is put into docs/adopting.md."""
        setup(session, "adopt")
        session.run("python", "-m", "ci.tests.adopt_proof", *session.posargs)


if __name__ == "__main__":
    nox.main()
