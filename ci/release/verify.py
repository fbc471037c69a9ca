"""Install the published release from the index into new environments, as a user does.

It runs the package's own code, so that sees no credential. The installer sees the passwords of the
indexes that it needs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.version import InvalidVersion, Version
from rich.console import Console
from uv import find_uv_bin

from ci.distributions.manifest import NAME, Release, dist_folder, read_release
from ci.errors import UserError, exit_with, printable
from ci.index.listing import find_index, missing_files, wait_for_files
from ci.index.repository import (
    READER,
    add_repository_arguments,
    credential_variables,
    named_index,
    read_repository,
    same_url,
    uv_indexes,
)
from ci.index.retry import Transient, read_retry_policy
from ci.index.urls import check_no_credentials
from ci.package.project import read_project

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ci.index.listing import Index
    from ci.package.project import Project

# No program that is started here needs these; some would be swayed by them.
_REMOVED = ("AWS_", "PIP_", "PYPI_", "PYTHON", "TWINE_", "VIRTUAL_ENV")
# The package itself has to come from the index that it was published to, and from nowhere else.
_FOR_PACKAGE = ("UV_CACHE_DIR", "UV_HTTP_", "UV_NATIVE_TLS", "UV_PYTHON", "UV_SYSTEM_CERTS")
# What an interpreter needs that imports the package, besides LC_….
_FOR_CODE = {"LANG", "LD_LIBRARY_PATH", "PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "TZ"}
_INDEX_LISTS = (
    "UV_DEFAULT_INDEX",
    "UV_INDEX",
    "UV_INDEX_URL",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
)
_NAME = "published"  # what uv calls the index that the package comes from

# The answer goes into a file: the package may print whatever it likes.
PROBE = """\
import importlib, importlib.metadata, json, sys
answer, package, distribution = sys.argv[1:]
version = getattr(importlib.import_module(package), "__version__", None)
found = {"metadata": importlib.metadata.version(distribution)}
if isinstance(version, str):
    found["__version__"] = version
with open(answer, "w") as file:
    json.dump(found, file)
"""
REQUIRES = """\
import importlib.metadata, json, sys
answer, distribution = sys.argv[1:]
with open(answer, "w") as file:
    json.dump(importlib.metadata.requires(distribution) or [], file)
"""

_console = Console(markup=False, highlight=False, soft_wrap=True)


def main(argv: Sequence[str] | None = None) -> None:
    """Verify the release in DIST_DIR (default: dist), or a published --version, on the index."""
    arguments = _parse(argv)
    project = read_project(Path.cwd())
    repository = read_repository(arguments, os.environ)
    check_index_lists(os.environ)
    index = find_index(repository, read_retry_policy(os.environ), say)
    release = expected(project, index, arguments.version)
    say(f"{release.name} {release.version} on {index.url}")
    check_bytes(release, index)
    lowest_and_highest = dict.fromkeys((project.python_versions[0], project.python_versions[-1]))
    for python in lowest_and_highest:
        install(python, project, release, index)


def say(text: str) -> None:
    """Print one line for a person."""
    _console.print(printable(text))


def check_index_lists(environ: Mapping[str, str]) -> None:
    """Raise UserError for a credential in a URL that uv would read, and may print."""
    for variable in _INDEX_LISTS:
        told = environ.get(variable, "")
        if variable == "UV_FIND_LINKS":  # the only one in which uv reads commas
            told = told.replace(",", " ")
        for entry in told.split():
            check_no_credentials(named_index(entry).url, variable, READER)


def expected(project: Project, index: Index, version: str | None) -> Release:
    """Return the release that the index must have: from the manifest, or the index's `version`.

    Raises UserError when there is neither a manifest nor a version, or nothing of that version.
    """
    folder = dist_folder(Path.cwd())
    if version is None and not (folder / NAME).exists():
        raise UserError(
            "nothing-to-verify",
            f"there is no {NAME} in {folder} and no --version",
            "set DIST_DIR to the folder of the published files, or add --version VERSION",
        )
    if version is None:
        return read_release(folder)
    try:
        parsed = index.newest(project.normalized_name) if version == "newest" else Version(version)
    except InvalidVersion:
        raise UserError(
            "version-argument", f"--version is {version!r}", 'write a version such as "1.2.0"'
        ) from None
    files = index.files(project.normalized_name, parsed) if parsed else {}
    if not parsed or not files:
        raise UserError(
            "not-published",
            f"{index.url} has no {project.normalized_name} {version}",
            "choose a version that it has; if this one was just published, wait a few minutes",
        )
    return Release(folder, project.normalized_name, parsed, files)


def check_bytes(release: Release, index: Index) -> None:
    """Wait until the index shows the release, download every file, and compare the bytes.

    Raises UserError when a file does not come, or is not what was built.
    """
    with _console.status(f"waiting for {index.url}"):
        missing = wait_for_files(index, release)
    if missing:
        raise UserError(
            "not-shown",
            f"{index.url} does not show {' and '.join(missing)} after {index.retry.wait:g} s",
            "run `nox -s publish`; if it was just published, run this again",
        )
    try:
        served = index.retry.retrying(say)(index.served, release.name, release.version)
    except Transient as error:
        raise UserError(
            "not-served", f"a file can't be downloaded: {error}", "run this again in a few minutes"
        ) from None
    missing_files(release, served, index)
    for name, digest in release.files.items():
        say(f"  served as built: {name} {digest}")


def install(python: str, project: Project, release: Release, index: Index) -> None:
    """Install the release from the index on that Python version, import it, compare versions.

    Raises UserError for a missing interpreter, and for each thing that a user would run into.
    """
    with tempfile.TemporaryDirectory() as scratch, _console.status(f"Python {python}"):
        sandbox = Sandbox(python, Path(scratch), os.environ, index.redactor.quote)
        sandbox.create()
        _install_package(sandbox, release, index)
        _install_dependencies(sandbox, release, index)
        found = sandbox.run_code(PROBE, project.import_name, release.name)
        check_versions(python, found, release.version)
    say(f"Python {python}: {release.name} {release.version} installs and imports")


@dataclass(frozen=True)
class Sandbox:
    """A virtual environment in a scratch folder.

    Each of its steps gets a part of `environ`; `quote` makes what programs say fit to be shown.
    """

    python: str
    folder: Path
    environ: Mapping[str, str]
    quote: Callable[[str], str]

    @property
    def interpreter(self) -> Path:
        """The environment's own Python."""
        scripts = "Scripts" if os.name == "nt" else "bin"
        return self.folder / "env" / scripts / "python"

    def create(self) -> None:
        """Make the environment; from the checkout's folder, whose .python-version pyenv obeys."""
        command = [find_uv_bin(), "venv", "--quiet", "--no-config", "--python", self.python]
        done = run_program(
            [*command, str(self.folder / "env")], Path.cwd(), package_environment(self.environ)
        )
        if done.returncode:
            raise UserError(
                "no-interpreter",
                f"an environment with Python {self.python} can't be made: {self._reason(done)}",
                f"run `uv python install {self.python}` or `pyenv install {self.python}`",
            )

    def install(self, requirements: str, environ: Mapping[str, str], *options: str) -> None:
        """Install a requirements file with uv."""
        file = self.folder / "requirements.txt"
        file.write_text(requirements, encoding="utf-8")
        command = [find_uv_bin(), "pip", "install", "--quiet", "--no-cache", "--no-config"]
        command += [*options, "--python", str(self.interpreter), "--requirements", str(file)]
        done = run_program(command, self.folder, environ)
        if done.returncode:
            raise Transient(f"Python {self.python}: uv can't install it: {self._reason(done)}")

    def run_code(self, code: str, *arguments: str) -> Any:  # noqa: ANN401 - whatever JSON knows
        """Run code in isolated mode, so that no source tree is imported; return its answer.

        Its arguments are the file for the answer, as JSON, and `arguments`.
        """
        answer = self.folder / "answer.json"
        answer.unlink(missing_ok=True)
        environ = code_environment(self.environ) | {"HOME": str(self.folder)}
        done = run_program(
            [self.interpreter, "-I", "-c", code, answer, *arguments], self.folder, environ
        )
        if done.returncode or not answer.exists():
            reason = self._reason(done) if done.returncode else "the import ends the process"
            raise UserError(
                "import-fails",
                f"Python {self.python} can't import what was installed: {reason}",
                "fix the package and release it under a new version; then yank this one on the"
                " index",
            )
        return json.loads(answer.read_text(encoding="utf-8"))

    def _reason(self, done: subprocess.CompletedProcess[str]) -> str:
        """Return the end of a failed program's output, on one line."""
        said = " ".join(done.stderr.split())[-500:]
        return self.quote(said) or f"it printed nothing, exit code {done.returncode}"


def package_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return uv's environment for the package: no credentials and none of the user's indexes."""
    return {
        name: value
        for name, value in _without_secrets(environ).items()
        if not name.startswith("UV_") or name.startswith(_FOR_PACKAGE)
    }


def dependency_environment(environ: Mapping[str, str], index: Index) -> dict[str, str]:
    """Return uv's environment for the dependencies: the user's indexes.

    The package's index is one of them only as UV_DEFAULT_INDEX.
    """
    indexes = uv_indexes(environ)
    default = named_index(environ.get("UV_DEFAULT_INDEX", "")).name
    others = [entry for entry in indexes if not same_url(entry.url, index.url)]
    hidden = {
        variable
        for entry in indexes
        if entry.name not in {None, default} and entry not in others
        for variable in credential_variables(entry.name)
    }
    kept = {name: value for name, value in _without_secrets(environ).items() if name not in hidden}
    named = [f"{entry.name}={entry.url}" if entry.name else entry.url for entry in others]
    return kept | {"UV_INDEX": " ".join(named)}


def code_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for the package's own code: it has no credentials."""
    return {
        name: value
        for name, value in environ.items()
        if name.upper() in _FOR_CODE or name.startswith("LC_")
    }


def _without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if not name.startswith(_REMOVED)}


def _install_package(sandbox: Sandbox, release: Release, index: Index) -> None:
    """Install only the package, by hash, only from its index; retry, because mirrors are late.

    Its wheel: building the sdist would run code while uv holds the index's credentials.
    """
    hashes = " ".join(f"--hash=sha256:{digest}" for digest in release.files.values())
    requirement = f"{release.name}=={release.version} {hashes}\n"
    environ = package_environment(sandbox.environ) | {"UV_DEFAULT_INDEX": f"{_NAME}={index.url}"}
    if index.auth:
        environ |= dict(zip(credential_variables(_NAME), index.auth, strict=True))
    try:
        index.retry.retrying(say)(
            sandbox.install, requirement, environ, "--no-deps", "--no-build", "--require-hashes"
        )
    except Transient as error:
        raise UserError(
            "install-fails",
            str(error),
            f"check that requires-python allows this Python, and that {index.url} has the files",
        ) from None


def _install_dependencies(sandbox: Sandbox, release: Release, index: Index) -> None:
    """Install the dependencies from the user's indexes: on a test index they can be anybody's."""
    requirements = "\n".join(sandbox.run_code(REQUIRES, release.name))
    if not requirements:
        return
    environ = dependency_environment(sandbox.environ, index)
    try:
        index.retry.retrying(say)(sandbox.install, requirements, environ)
    except Transient as error:
        raise UserError(
            "dependencies-fail",
            str(error),
            f"check that every dependency has a version for this Python on {_searched(environ)};"
            " if they are on a private index, set UV_DEFAULT_INDEX to it",
        ) from None


def _searched(environ: Mapping[str, str]) -> str:
    """Return the indexes of uv's environment, in words."""
    default = environ.get("UV_DEFAULT_INDEX") or environ.get("UV_INDEX_URL")
    told = " ".join(environ.get(name, "") for name in _INDEX_LISTS)
    return " or ".join(told.split() if default else ["PyPI", *told.split()])


def check_versions(python: str, found: Mapping[str, str], version: Version) -> None:
    """Raise UserError when the metadata, or `__version__` if there is one, says another version."""
    for what, value in found.items():
        try:
            same = Version(value) == version
        except InvalidVersion:
            same = False
        if not same:
            raise UserError(
                "installed-version",
                f"on Python {python} {what} is {value!r}, but the installed version is {version}",
                "keep the version in one place, and release under a new version",
            )


def run_program(
    command: Sequence[str | Path], folder: Path, environ: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a program in `folder` with that environment; capture its output, text or not."""
    return subprocess.run(
        command,
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nox -s verify --", description=main.__doc__)
    parser.add_argument(
        "--version",
        help="verify this published version, or `newest`, instead of the files in DIST_DIR",
    )
    add_repository_arguments(parser)
    return parser.parse_args(argv)


if __name__ == "__main__":
    exit_with(main)
