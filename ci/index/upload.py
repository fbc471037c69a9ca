"""Upload one file with twine, and read its output."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ci.errors import UserError
from ci.index.retry import PASSING_STATUSES, Transient

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ci.index.credentials import Credentials
    from ci.index.redaction import Redactor
    from ci.index.repository import Repository

# Twine logs the index's answer (with --verbose), then its own error. Only levels begin a line: what
# the index says is indented, so it can't pass for them.
_STATUS = re.compile(r"^ERROR +HTTPError: (\d{3}) ", re.MULTILINE)
_ANSWER = re.compile(r"^INFO +Response from \S+\s+(.*)^ERROR ", re.MULTILINE | re.DOTALL)
_ERROR = re.compile(r"^ERROR +(.*)", re.MULTILINE | re.DOTALL)
_LEVEL = re.compile(r"^INFO ", re.MULTILINE)
# Twine dies of these with a traceback; the same upload may work in a moment.
_PASSING_ERROR = re.compile(
    r"^\S*\.(?:ConnectionError|ConnectTimeout|ReadTimeout|ChunkedEncodingError|ProxyError): (.*)",
    re.MULTILINE,
)
_EXISTS = re.compile(r"already exists?\b", re.IGNORECASE)
_REMEDIES = {
    400: "read the index's reason, fix it in the package, and release again",
    401: "store a valid token: this one is mistyped, revoked, or for another index",
    403: "use a token that can upload this project: this one is mistyped, revoked, or for another"
    " project or index",
    404: "check that the URL is one that takes uploads",
    405: "check that the URL is one that takes uploads, not the one that shows packages",
    413: "make the file smaller, or ask the index for a higher limit",
}

# What twine needs of our environment: the way to the network, and what Windows can't do without.
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
_CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
_SYSTEM = ("SYSTEMROOT", "TMPDIR", "TEMP", "TMP")


def upload(
    path: Path,
    repository: Repository,
    credentials: Credentials,
    redactor: Redactor,
    *,
    seconds: float,
) -> bool:
    """Upload one file. Returns False if the index says "already exists"; the caller must check it.

    Raises Transient for what may pass, an upload that takes longer than `seconds` included, and
    UserError for what won't. What is raised quotes the index as far as `redactor` lets it.
    """
    arguments = ["--no-color", "upload", "--non-interactive", "--verbose", "--disable-progress-bar"]
    arguments += ["--repository-url", repository.upload_url]
    for option, file in (("--cert", repository.ca_cert), ("--client-cert", repository.client_cert)):
        arguments += [option, _absolute(file)] if file else []
    environment = _environment(os.environ, own_certificates=bool(repository.ca_cert))
    try:
        code, output = run_twine(
            [*arguments, str(path.absolute())], environment | credentials.environment(), seconds
        )
    except subprocess.TimeoutExpired:
        raise Transient(f"the upload of {path.name} was not done after {seconds:g} s") from None
    return code == 0 or _explain(path.name, repository, redactor, output)


def run_twine(
    arguments: Sequence[str], environment: Mapping[str, str], seconds: float
) -> tuple[int, str]:
    """Run twine isolated from everything but its installation; return exit code and output.

    Isolated mode, a folder and a home of its own: no file of the checkout is imported, no
    `*.dist-info` near by adds a command, no PYTHON… variable, .netrc or .pypirc is obeyed.
    """
    with tempfile.TemporaryDirectory() as empty:
        done = subprocess.run(
            [sys.executable, "-I", "-X", "utf8", "-m", "twine", *arguments],
            cwd=empty,
            env={**environment, "HOME": empty},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            check=False,
        )
    return done.returncode, done.stdout.decode("utf-8", "replace")


def _environment(environ: Mapping[str, str], *, own_certificates: bool) -> dict[str, str]:
    """Return the variables that twine gets; a large width keeps an answer on one line."""
    kept = {
        name: value
        for name, value in environ.items()
        if name.lower() in _PROXIES or name.upper() in _SYSTEM
    }
    if not own_certificates:  # requests would prefer these to --cert
        kept |= {name: _absolute(environ[name]) for name in _CERTIFICATES if environ.get(name)}
    return kept | {"COLUMNS": "1000"}


def _absolute(path: str) -> str:
    return str(Path(path).expanduser().absolute())


def _explain(name: str, repository: Repository, redactor: Redactor, output: str) -> bool:
    """Turn a failed twine's output into an error."""
    status = _STATUS.search(output)
    if not status:
        raise _without_answer(name, redactor, output)
    code = int(status[1])
    answer = _text(_ANSWER.search(output)) or _text(_ERROR.search(output))
    reason = redactor.quote(answer)
    if code in PASSING_STATUSES:
        raise Transient(f"{repository.upload_url} answers {reason}")
    if code in {400, 409} and _EXISTS.search(answer):
        return False
    raise UserError(
        "upload-refused",
        f"{repository.upload_url} refuses {name}: {reason}",
        _REMEDIES.get(code, "correct what the index's reason names"),
    )


def _without_answer(name: str, redactor: Redactor, output: str) -> UserError | Transient:
    """Return the error of a twine that failed without an HTTP error."""
    passing = _PASSING_ERROR.search(output)
    if passing:
        return Transient(f"the upload of {name} broke off: {redactor.quote(passing[1])}")
    reason = redactor.quote(_text(_ERROR.search(output)) or " ".join(output.split())[-500:])
    return UserError(
        "twine-failed", f"twine can't upload {name}: {reason}", "correct the cause that twine names"
    )


def _text(match: re.Match[str] | None) -> str:
    """The group of a match without twine's log levels and margins; empty without a match."""
    return " ".join(_LEVEL.sub(" ", match[1]).split()) if match else ""
