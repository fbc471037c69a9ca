"""One file through twine, and what its output means."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

from ci.errors import UserError
from ci.index.retry import PASSING_STATUSES, Transient

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ci.index.credentials import Credentials
    from ci.index.repository import Repository

_STATUS = re.compile(r"HTTPError: (\d{3}) ")
# With --verbose twine logs the index's answer, behind levels and blanks, before its own error.
_ANSWER = re.compile(r"Response from \S+\s+(.*)^ERROR ", re.MULTILINE | re.DOTALL)
_ERROR = re.compile(r"^ERROR +(.*)", re.MULTILINE | re.DOTALL)
_NOISE = re.compile(r"^INFO |<[^>]*>", re.MULTILINE)  # log levels, and an error page's tags
# Twine dies of these with a traceback; the same upload may work in a moment.
_PASSING_ERROR = re.compile(
    r"^\S*\.(?:ConnectionError|ConnectTimeout|ReadTimeout|ChunkedEncodingError|ProxyError): (.*)",
    re.MULTILINE,
)
_LONGEST = 500  # characters of a reason; an error page has more
_EXISTS = re.compile(r"already exists?\b", re.IGNORECASE)
_REMEDIES = {
    400: "read the index's reason; what it dislikes in the file has to be mended and released anew",
    401: "store a valid token: this one is mistyped, revoked or of another index",
    403: "use a token that may upload this very project: this one is mistyped, revoked, of another"
    " project or of another index",
    404: "see that the URL is one that takes uploads",
    405: "see that the URL is one that takes uploads, not the one that shows packages",
    413: "make the file smaller, or ask the index for a higher limit",
}


def upload(path: Path, repository: Repository, credentials: Credentials, *, seconds: float) -> bool:
    """Upload one file; False if the index says that it has it already: only a look settles that.

    Raises Transient for what may pass, an upload that takes longer than `seconds` included, and
    UserError for what won't. Nothing that is raised holds the password.
    """
    command = [
        sys.executable,
        "-m",
        "twine",
        "--no-color",
        "upload",
        "--non-interactive",
        "--verbose",
    ]
    command += ["--disable-progress-bar", "--repository-url", repository.upload_url]
    for option, file in (("--cert", repository.ca_cert), ("--client-cert", repository.client_cert)):
        command += [option, file] if file else []
    try:
        done = subprocess.run(
            [*command, str(path)],
            env=_environment(os.environ) | credentials.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Transient(f"the upload of {path.name} was not done after {seconds:g} s") from None
    if done.returncode == 0:
        return True
    return _explain(path.name, repository, credentials.redact(done.stdout))


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What twine needs of ours: neither AWS's credentials nor settings that would redirect it."""
    kept = {
        name: value for name, value in environ.items() if not name.startswith(("AWS_", "TWINE_"))
    }
    return kept | {"COLUMNS": "1000", "PYTHONIOENCODING": "utf-8"}


def _explain(name: str, repository: Repository, output: str) -> bool:
    """Turn the output of a twine that failed into its reason."""
    status = _STATUS.search(output)
    if not status:
        raise _without_answer(name, output)
    code = int(status[1])
    reason = _plain(_ANSWER.search(output) or _ERROR.search(output))
    if code in PASSING_STATUSES:
        raise Transient(f"{repository.upload_url} answers {reason}")
    if code in {400, 409} and _EXISTS.search(reason):
        return False
    raise UserError(
        "upload-refused",
        f"{repository.upload_url} refuses {name}: {reason}",
        _REMEDIES.get(code, "read the index's reason"),
    )


def _without_answer(name: str, output: str) -> UserError | Transient:
    passing = _PASSING_ERROR.search(output)
    if passing:
        return Transient(f"the upload of {name} broke off: {_plain(passing)}")
    reason = _plain(_ERROR.search(output)) or " ".join(output.split())[-_LONGEST:]
    return UserError(
        "twine-failed", f"twine can't upload {name}: {reason}", "see what twine says about it"
    )


def _plain(match: re.Match[str] | None) -> str:
    """The group of a match on one line, without noise, not too long; empty without a match."""
    return " ".join(_NOISE.sub(" ", match[1]).split())[:_LONGEST] if match else ""
