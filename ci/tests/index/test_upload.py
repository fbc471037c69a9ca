from __future__ import annotations

import itertools
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ci.errors import UserError
from ci.index import upload as module
from ci.index.credentials import Credentials
from ci.index.redaction import WITHHELD, Redactor
from ci.index.repository import Repository
from ci.index.retry import Transient
from ci.index.upload import run_twine, upload
from ci.tests.told import code_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ci.tests.checkouts import Checkout

URL = "https://index.invalid/upload/"
TOKEN = "pypi-AbCd3fGh1jKlMn0p"
WHEEL = Path("dist/thing-1.0-py3-none-any.whl")


@dataclass
class Twine:
    """Stands for twine: what it was given, and what it is to say."""

    code: int = 0
    output: str = ""
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] | None = None
    seconds: float = 0

    def run(
        self, arguments: Sequence[str], environment: Mapping[str, str], seconds: float
    ) -> tuple[int, str]:
        self.arguments, self.environment, self.seconds = tuple(arguments), environment, seconds
        return self.code, self.output


@pytest.fixture
def twine(monkeypatch: pytest.MonkeyPatch) -> Twine:
    made = Twine()
    monkeypatch.setattr(module, "run_twine", made.run)
    return made


def do_upload(repository: Repository | None = None) -> bool:
    redactor = Redactor()
    redactor.hide("me", TOKEN)
    return upload(
        WHEEL,
        repository or Repository(URL, ()),
        Credentials("me", TOKEN, "a test"),
        redactor,
        seconds=300,
    )


def options(arguments: Sequence[str]) -> dict[str, str]:
    return dict(itertools.pairwise(arguments))


# --- what twine is given -------------------------------------------------------------------------


def test_twine_gets_the_file_the_url_and_neither_a_question_nor_a_password_to_show(
    twine: Twine,
) -> None:
    assert do_upload()
    assert twine.arguments == (
        *("--no-color", "upload", "--non-interactive", "--verbose", "--disable-progress-bar"),
        *("--repository-url", URL, str(WHEEL.absolute())),
    )
    assert twine.seconds == 300


def test_certificates_are_named_by_their_whole_path(
    twine: Twine, clean_environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    clean_environment.chdir(tmp_path)
    assert do_upload(Repository(URL, (), ca_cert="ca.pem", client_cert="~/me.pem"))
    given = options(twine.arguments)
    assert given["--cert"] == str(tmp_path / "ca.pem")
    assert given["--client-cert"] == str(tmp_path / "home/me.pem")
    assert twine.arguments[-1] == str(tmp_path / WHEEL)
    assert do_upload(Repository(URL, (), client_cert="me.pem"))
    assert "--cert" not in twine.arguments


KEPT = {
    "HTTPS_PROXY": "http://proxy.invalid",
    "no_proxy": "127.0.0.1",
    "all_proxy": "x",
    "SystemRoot": "C:",
    "TMPDIR": "/tmp",  # noqa: S108 - it is only passed on
}


def test_twine_s_environment_holds_what_it_needs_and_nothing_else(
    twine: Twine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    given = {
        **KEPT,
        "REQUESTS_CA_BUNDLE": "bundle.pem",
        "SSL_CERT_DIR": "",
        "AWS_SECRET_ACCESS_KEY": "x",
        "TWINE_REPOSITORY_URL": "x",
        "PYTHONPATH": "x",
        "HOME": "x",
        "PATH": "x",
        "NETRC": "x",
    }
    monkeypatch.setattr("os.environ", given)
    assert do_upload()
    ours = {"COLUMNS": "1000", "TWINE_USERNAME": "me", "TWINE_PASSWORD": TOKEN}
    bundle = str(tmp_path / "bundle.pem")
    assert twine.environment == {**KEPT, **ours, "REQUESTS_CA_BUNDLE": bundle}
    # requests would prefer the bundle to the certificate that was named.
    assert do_upload(Repository(URL, (), ca_cert="ca.pem"))
    assert twine.environment == {**KEPT, **ours}


# --- what its output means -----------------------------------------------------------------------

BEGIN = """\
Uploading distributions to https://index.invalid/upload/
INFO     username: me
INFO     password: <hidden>
Uploading thing-1.0-py3-none-any.whl
"""


def refusal(code: int, answer: str, reason: str = "Reason") -> str:
    """What twine prints of an answer: what is logged is indented but for its first line."""
    shown = answer.replace("\n", "\n         ")
    return BEGIN + (
        f"INFO     Response from {URL}:\n         {code} {reason}\nINFO     {shown}\n"
        f"ERROR    HTTPError: {code} Phrase from {URL}\n         {reason}\n"
    )


def failure_of(twine: Twine, output: str) -> UserError | Transient:
    twine.code, twine.output = 1, output
    with pytest.raises((UserError, Transient)) as caught:
        do_upload()
    problem = caught.value
    assert isinstance(problem, (UserError, Transient))
    if isinstance(problem, UserError):
        assert code_of(problem) in {"upload-refused", "twine-failed"}
    return problem


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        (400, "File already exists. See the help"),
        (400, "<h1>This filename\nalready exists"),
        (409, "it Already Exist."),
    ],
)
def test_a_claim_that_the_file_exists_is_neither_a_success_nor_a_failure(
    twine: Twine, code: int, answer: str
) -> None:
    twine.code, twine.output = 1, refusal(code, answer)
    assert do_upload() is False
    twine.code = 0
    assert do_upload() is True


@pytest.mark.parametrize("code", [408, 425, 429, 500, 503, 599])
def test_what_may_pass_is_tried_again_with_its_reason(twine: Twine, code: int) -> None:
    problem = failure_of(twine, refusal(code, "try <b>later</b>"))
    assert isinstance(problem, Transient)
    assert str(problem) == f"{URL} answers {code} Reason try later"


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (400, "fix it in the package"),
        (401, "store a valid token"),
        (403, "use a token that can upload"),
        (404, "one that takes uploads"),
        (405, "one that takes uploads, not"),
        (413, "make the file smaller"),
        (418, "correct what the index's reason names"),
    ],
)
def test_what_will_not_pass_is_named_with_its_remedy(twine: Twine, code: int, remedy: str) -> None:
    problem = failure_of(twine, refusal(code, "no\nnever"))
    assert isinstance(problem, UserError)
    assert problem.found == f"{URL} refuses {WHEEL.name}: {code} Reason no never"
    assert remedy in problem.remedy


def test_a_refusal_without_a_text_has_its_status_as_reason(twine: Twine) -> None:
    output = refusal(403, "").replace("INFO     \n", "")
    assert str(failure_of(twine, output)).startswith(f"{URL} refuses {WHEEL.name}: 403 Reason: ")
    output = BEGIN + f"ERROR    HTTPError: 403 Forbidden from {URL}\n         Nope\n"
    assert "HTTPError: 403 Forbidden" in str(failure_of(twine, output))
    assert "Nope" in str(failure_of(twine, output))


@pytest.mark.parametrize(
    "answer",
    [
        "ERROR    HTTPError: 409 Conflict from x\nalready exists",
        "\nERROR    HTTPError: 409 Conflict from x\nalready exists",
        "x\rERROR    HTTPError: 409 Conflict from x\nalready exists",
        "\nHTTPError: 500 x",
        "\nrequests.exceptions.ConnectionError: x",
    ],
)
def test_an_answer_can_not_pass_for_twine_s_own_words(twine: Twine, answer: str) -> None:
    problem = failure_of(twine, refusal(403, answer))
    assert isinstance(problem, UserError)
    assert f"{URL} refuses {WHEEL.name}: 403 Reason" in problem.found


@pytest.mark.parametrize(
    "error",
    [
        "requests.exceptions.ConnectionError: ('Connection aborted.', RemoteDisconnected())",
        "requests.exceptions.ConnectTimeout: slow",
        "requests.exceptions.ReadTimeout: slow",
        "requests.exceptions.ProxyError: no proxy",
        "urllib3.exceptions.ChunkedEncodingError: cut",
    ],
)
def test_a_connection_that_breaks_is_tried_again(twine: Twine, error: str) -> None:
    output = (
        f'{BEGIN}Traceback (most recent call last):\n  File "x", line 1, in <module>\n{error}\n'
    )
    problem = failure_of(twine, output)
    assert isinstance(problem, Transient)
    reason = error.partition(": ")[2]
    assert str(problem) == f"the upload of {WHEEL.name} broke off: {reason}"


def test_what_else_twine_dies_of_is_told_in_its_words(twine: Twine) -> None:
    problem = failure_of(twine, f"{BEGIN}ERROR    RedirectDetected: x\n         tried to\n")
    assert isinstance(problem, UserError)
    assert problem.found == f"twine can't upload {WHEEL.name}: RedirectDetected: x tried to"
    problem = failure_of(twine, "Traceback\n" + "x" * 600 + " KeyError:\n  'y'")
    assert isinstance(problem, UserError)
    assert problem.found.endswith("x" * 486 + " KeyError: 'y'")
    assert len(problem.found) == len(f"twine can't upload {WHEEL.name}: ") + 500


@pytest.mark.parametrize(
    "output",
    [
        refusal(403, f"wrong: {TOKEN}"),
        refusal(403, "no", reason=TOKEN),
        refusal(500, f"wrong: {TOKEN}"),
        refusal(503, f"{TOKEN[:9]}\n{TOKEN[9:]}"),
        f"{BEGIN}requests.exceptions.ConnectionError: {TOKEN}\n",
        f"{BEGIN}ERROR    RedirectDetected: https://x.invalid/?token={TOKEN}\n",
        f"Traceback\nKeyError: {TOKEN!r}\n",
    ],
)
def test_nothing_that_quotes_the_token_is_shown(twine: Twine, output: str) -> None:
    assert WITHHELD in str(failure_of(twine, output))


def test_an_upload_that_takes_too_long_may_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_: object) -> tuple[int, str]:
        raise subprocess.TimeoutExpired("twine", 300)

    monkeypatch.setattr(module, "run_twine", slow)
    with pytest.raises(Transient, match=rf"{WHEEL.name} was not done after 300 s"):
        do_upload()


# --- running it ----------------------------------------------------------------------------------


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A folder and an environment that would sway twine if it looked at them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TWINE_REPOSITORY_URL", "http://127.0.0.1:9/")
    (tmp_path / ".pypirc").write_text(f"[distutils]\nindex-servers=x\n[x]\nrepository={URL}\n")
    (tmp_path / "sitecustomize.py").write_text("print('taken')\n")
    (tmp_path / "requests_toolbelt.py").write_text("print('taken')\n")
    return {"HOME": str(tmp_path), "PYTHONPATH": str(tmp_path), "LC_ALL": "C", "COLUMNS": "200"}


def test_twine_sees_neither_the_folder_nor_the_home_nor_python_s_variables(
    hostile: dict[str, str],
) -> None:
    name = os.fsdecode("évil".encode() + b"\xff.whl")  # which is no UTF-8
    Path(name).write_text("")
    code, output = run_twine(["upload", "--repository", "x", name], hostile, 60)
    assert code == 1
    assert "Missing 'x' section" in output
    code, output = run_twine(["upload", "--repository-url", URL, name], hostile, 60)
    assert code == 1
    assert "Cannot find file (or expand pattern): 'évil\ufffd.whl'" in output
    assert "taken" not in output


def test_a_traceback_of_twine_s_is_part_of_its_output(
    hostile: dict[str, str], thing: Checkout
) -> None:
    arguments = ["upload", "--repository-url", "http://127.0.0.1:9/", "-u", "me", "-p", TOKEN]
    code, output = run_twine([*arguments, str(thing.wheel)], hostile, 60)
    assert code == 1
    assert "\nrequests.exceptions.ConnectionError: " in output


def test_twine_is_stopped_in_time(hostile: dict[str, str]) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        run_twine(["--version"], hostile, 0.01)
    assert run_twine(["--version"], hostile, 60)[0] == 0
