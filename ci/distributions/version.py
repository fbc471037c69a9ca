"""Ask the build backend for a checkout's version, before there is a wheel.

python ci/run.py distributions.version    prints it, and nothing else
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from build import BuildBackendException, BuildException, ProjectBuilder
from packaging.metadata import parse_email
from packaging.version import InvalidVersion, Version
from pyproject_hooks import quiet_subprocess_runner

from ci.errors import UserError, exit_with


def main() -> None:
    """Print the version of the package in the current folder."""
    print(backend_version(Path.cwd()))


def backend_version(root: Path) -> Version:
    """Return the version that a wheel of the sources in `root` would have.

    The installed build backend writes the wheel's metadata and nothing more, if it can do that
    without building (PEP 517: prepare_metadata_for_build_wheel). Raises UserError when the backend
    fails, or says what is no version.
    """
    with tempfile.TemporaryDirectory(prefix="version-") as scratch:
        try:
            builder = ProjectBuilder(root, runner=quiet_subprocess_runner)
            written = Path(builder.metadata_path(scratch), "METADATA").read_bytes()
        except (BuildException, BuildBackendException, OSError) as error:
            raise UserError(
                "backend-version",
                f"the build backend gives no version: {_reason(error)}",
                "run `nox -s wheel` to see the backend's whole output",
            ) from None
    text = parse_email(written)[0].get("version")
    try:
        return Version(text or "")
    except InvalidVersion:
        raise UserError(
            "backend-version",
            f"the build backend gives the version {text!r}",
            'change it to a PEP 440 version, such as "1.2.0" or "1.2.0rc1"',
        ) from None


def _reason(error: Exception) -> str:
    """Return the last line that a failed backend printed, else the exception."""
    output = getattr(getattr(error, "exception", None), "output", None) or b""
    lines = output.decode("utf-8", "replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), str(error))


if __name__ == "__main__":
    exit_with(main)
