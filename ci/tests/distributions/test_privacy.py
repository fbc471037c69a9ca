from __future__ import annotations

import base64
import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ci.distributions.checks import privacy
from ci.package.project import Project, Settings, read_project
from ci.tests.distributions.subjects import subject
from ci.tests.samples import FAKE_AWS_KEY, make_package, make_sdist, make_wheel

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return read_project(make_package(tmp_path_factory.mktemp("package")))


def with_settings(project: Project, settings: Settings) -> Project:
    return replace(project, settings=settings)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (".env", "a secret (.env)"),
        (".env.local", "a secret (.env.*)"),
        ("prod.ENV", "a secret (*.env)"),
        (".env-prod", "a secret (.env-*)"),
        ("prod.env.local", "a secret (*.env.local)"),
        (".pgpass", "a secret (.pgpass)"),
        ("cohort.csv ", "data (*.csv)"),
        ("server.pem", "a secret (*.pem)"),
        ("id_rsa", "a secret (id_rsa*)"),
        ("credentials.json", "a secret (credentials*)"),
        ("Credentials", "a secret (credentials*)"),
        (".pypirc", "a secret (.pypirc)"),
        (".ssh/config", "a secret (.ssh)"),
        ("study.ipynb", "a notebook (*.ipynb)"),
        ("results.csv", "data (*.csv)"),
        ("patient.wav", "data (*.wav)"),
        ("all.tar.gz", "an archive (*.tar.*)"),
        ("all.zip", "an archive (*.zip)"),
        ("old.py.bak", "a leftover (*.bak)"),
        ("__pycache__/a.cpython-312.pyc", "a leftover (__pycache__)"),
    ],
)
def test_a_private_name_is_named_in_sdist_and_wheel_unless_allowed(
    project: Project, tmp_path: Path, name: str, kind: str
) -> None:
    sdist = make_sdist(tmp_path, {f"src/demo_pkg/{name}": b""})
    wheel = make_wheel(tmp_path, {f"demo_pkg/{name}": b""})
    for distribution, member in ((sdist, f"src/demo_pkg/{name}"), (wheel, f"demo_pkg/{name}")):
        (finding,) = privacy.private_names(subject(project, distribution))
        assert (finding.member, finding.found) == (member, f"it is named like {kind}")
        for pattern in (f"demo_pkg/{name}", name.rpartition("/")[2], "src/demo_pkg/*"):
            allowed = with_settings(project, Settings(allow_names=(pattern,)))
            assert list(privacy.private_names(subject(allowed, distribution))) == []


@pytest.mark.parametrize(
    "name", ["environment.py", "keys.py", "dbx.py", "csv.py", "logging.toml", "targz.md", "envoy"]
)
def test_an_ordinary_name_passes(project: Project, tmp_path: Path, name: str) -> None:
    assert (
        list(privacy.private_names(subject(project, make_sdist(tmp_path, {f"tests/{name}": b""}))))
        == []
    )


@pytest.mark.parametrize(
    "name",
    ["credentials.py", "secrets.py", "id_rsa.pyi", "credentials/__init__.py", "Credentials/a.py"],
)
def test_a_modules_name_is_no_secret(project: Project, tmp_path: Path, name: str) -> None:
    wheel = make_wheel(tmp_path, {f"demo_pkg/{name}": b""})
    assert list(privacy.private_names(subject(project, wheel))) == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("credentials.json", "a secret (credentials*)"),
        ("credentials/token", "a secret (credentials*)"),
        (".aws/config.py", "a secret (.aws)"),
        ("__pycache__/secrets.py", "a leftover (__pycache__)"),
    ],
)
def test_what_lies_beside_modules_of_that_name_is_still_one(
    project: Project, tmp_path: Path, name: str, kind: str
) -> None:
    wheel = make_wheel(tmp_path, {f"demo_pkg/{name}": b""})
    (finding,) = privacy.private_names(subject(project, wheel))
    assert finding.found == f"it is named like {kind}"


def test_what_is_in_a_module_of_that_name_is_looked_at(project: Project, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, {"demo_pkg/credentials.py": FAKE_AWS_KEY.encode()})
    (finding,) = privacy.secrets(subject(project, wheel))
    assert finding.member == "demo_pkg/credentials.py"


# --- text ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content", [b"", b"text\n", "caf\u00e9\n".encode(), b"\xef\xbb\xbfbom\r\n"]
)
def test_text_passes(project: Project, tmp_path: Path, content: bytes) -> None:
    for distribution in (
        make_wheel(tmp_path, {"demo_pkg/a": content}),
        make_sdist(tmp_path, {"tests/a": content}),
    ):
        assert list(privacy.text(subject(project, distribution))) == []


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n", "caf\u00e9".encode("latin-1"), b"a\0b"])
def test_what_is_no_text_is_named_unless_allowed(
    project: Project, tmp_path: Path, content: bytes
) -> None:
    wheel = make_wheel(tmp_path, {"demo_pkg/logo.png": content})
    (finding,) = privacy.text(subject(project, wheel))
    assert (finding.member, finding.rule) == ("demo_pkg/logo.png", "not-text")
    for settings in (Settings(allow_names=("*.png",)), Settings(not_in_git=("logo.png",))):
        assert list(privacy.text(subject(with_settings(project, settings), wheel))) == []
    other = with_settings(project, Settings(allow_names=("*.jpg",), allow_secrets_in=("*",)))
    assert len(list(privacy.text(subject(other, wheel)))) == 1


# --- what stands in files -------------------------------------------------------------------------

# Put together here, so that no scanner takes this file for a leak; each is made up.
_SECRETS = {
    "AWS Access Key": f'key = "{FAKE_AWS_KEY}"',
    "PyPI Token": "pypi-" + "AgEIcHlwaS5vcmc" + "A" * 80,
    "GitHub Token": "ghp" + "_" + "A" * 36,
    "GitLab Token": "glpat" + "-" + "A" * 20,
    "Private Key": "-----BEGIN RSA" + " PRIVATE KEY-----",
    "Slack Token": "xoxb" + "-1-2-" + "a" * 20,
    "Stripe Access Key": "sk_" + "live_" + "A" * 24,
    "Azure Storage Account access key": "Account" + "Key=" + "A" * 86 + "==",
    "Discord Bot Token": ".".join(("M" + "A" * 23, "A" * 6, "A" * 27)),
    "JSON Web Token": ".".join(("eyJ" + "hbGciOiJIUzI1NiJ9", "eyJ" + "zdWIiOiIxIn0", "A" * 43)),
    "Mailchimp Access Key": "0" * 32 + "-us" + "1",
    "OpenAI Token": "sk-" + "A" * 20 + "T3Blb" + "kFJ" + "A" * 20,
    "SendGrid API Key": ".".join(("SG", "A" * 22, "A" * 43)),
    "Square OAuth Secret": "sq0" + "csp-" + "A" * 43,
    "Telegram Bot Token": "1" * 9 + ":" + "A" * 35,
    "Twilio API Key": "SK" + "0" * 32,
    "credential": "aws_secret_access_key = " + "A" * 40,
}
_FORMS_OF_CREDENTIAL = [
    "github" + "_pat_" + "A" * 60,
    "pypi-" + "A" * 40,
    "pypi-" + "AgENdG-" + "A-" * 20,
    "-----BEGIN ENCRYPTED" + " PRIVATE KEY-----",
    "PuTTY-User-Key-File" + "-3",
    "registry/:_authToken" + "=npm_" + "A" * 36,
    "npm" + "_" + "A" * 36,
    "AI" + "za" + "A" * 35,
    "hf" + "_" + "A" * 34,
    "sk-" + "ant-api03-" + "A" * 40,
    '"Secret' + 'AccessKey": "' + "A" * 40 + '"',
]


@pytest.mark.parametrize(
    ("kind", "text"), [*_SECRETS.items(), *(("credential", form) for form in _FORMS_OF_CREDENTIAL)]
)
def test_a_secret_is_named_by_line_and_kind_and_never_shown(
    project: Project, tmp_path: Path, kind: str, text: str
) -> None:
    content = f"first\n{text}\nlast\n".encode()
    sdist = make_sdist(tmp_path, {"src/demo_pkg/data.bin": content})
    wheel = make_wheel(tmp_path, {"demo_pkg/data.bin": content})
    for distribution in (sdist, wheel):
        findings = list(privacy.secrets(subject(project, distribution)))
        assert f"line 2 looks like it has a secret: {kind}" in {each.found for each in findings}
        assert {each.member.removeprefix("src/") for each in findings} == {"demo_pkg/data.bin"}
        assert text not in "".join(map(str, findings))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "latin-1"])
def test_a_secret_is_found_in_any_encoding_and_between_any_bytes(
    project: Project, tmp_path: Path, encoding: str
) -> None:
    content = b"\xff\xfe\0\x80" + f"\u00e9\r\n{FAKE_AWS_KEY}\r\n".encode(encoding)
    (finding,) = privacy.secrets(subject(project, make_wheel(tmp_path, {"demo_pkg/a.so": content})))
    assert finding.found.startswith("line 2 ")


def test_a_made_up_secret_may_be_allowed_by_name_and_only_by_its_own_setting(
    project: Project, tmp_path: Path
) -> None:
    sdist = make_sdist(tmp_path, {"tests/test_keys.py": FAKE_AWS_KEY.encode()})
    by_name = with_settings(project, Settings(allow_names=("*",)))
    assert [finding.rule for finding in privacy.secrets(subject(by_name, sdist))] == ["secret"]
    by_contents = with_settings(project, Settings(allow_secrets_in=("tests/test_keys.py",)))
    assert list(privacy.secrets(subject(by_contents, sdist))) == []


@pytest.mark.parametrize(
    "text",
    [
        "password = os.environ['PASSWORD']",
        "https://user:password@example.invalid/",
        "sha256 = " + "0123456789abcdef" * 4,
        "pip install pypi-simple pypi-attestations",
        "AKIA",
        "-----BEGIN PUBLIC KEY-----",
    ],
)
def test_ordinary_code_passes(project: Project, tmp_path: Path, text: str) -> None:
    wheel = make_wheel(tmp_path, {"demo_pkg/a.py": text.encode()})
    assert list(privacy.secrets(subject(project, wheel))) == []


# --- long lines and large files -------------------------------------------------------------------


@pytest.mark.parametrize("position", [0, 1, 4000, 4090, 5000, 8180, 50_000])
def test_a_secret_anywhere_in_a_long_line_is_found(
    project: Project, tmp_path: Path, position: int
) -> None:
    line = b"a b" * 20_000
    content = b"first\n" + line[:position] + b" " + FAKE_AWS_KEY.encode() + b" " + line[position:]
    wheel = make_wheel(tmp_path, {"demo_pkg/a.js": content + b"\nlast\n"})
    (finding,) = privacy.secrets(subject(project, wheel))
    assert finding.found.startswith("line 2 ")


@pytest.mark.parametrize("line", [1, 2, 60, 300, 999])
def test_a_secret_is_named_by_its_line_in_a_long_file(
    project: Project, tmp_path: Path, line: int
) -> None:
    lines = [f"line {number} of many, and some more text" for number in range(1, 1000)]
    lines[line - 1] = FAKE_AWS_KEY
    wheel = make_wheel(tmp_path, {"demo_pkg/a.py": "\n".join(lines).encode()})
    (finding,) = privacy.secrets(subject(project, wheel))
    assert finding.found.startswith(f"line {line} ")


def test_a_token_as_long_as_any_is_found_across_the_edge_of_a_window(
    project: Project, tmp_path: Path
) -> None:
    def part(value: dict[str, str]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    token = f"{part({'alg': 'none'})}.{part({'sub': 'somebody' * 60})}.{'a' * 43}"
    assert 700 < len(token) < 1000
    for before in (3000, 3500, 4000):
        wheel = make_wheel(tmp_path, {"demo_pkg/a.js": (" " * before + token).encode()})
        assert [each.found for each in privacy.secrets(subject(project, wheel))] == [
            "line 1 looks like it has a secret: JSON Web Token"
        ]


@pytest.mark.parametrize(("piece", "size"), [("sk-", 30_000), ("eyJ", 120_000), ("a", 500_000)])
def test_a_line_that_patterns_would_run_over_and_over_is_read_in_bounded_time(
    project: Project, tmp_path: Path, piece: str, size: int
) -> None:
    wheel = make_wheel(tmp_path, {"demo_pkg/a.js": (piece * size)[:size].encode()})
    looked = subject(project, wheel)
    began = time.process_time()
    assert list(privacy.secrets(looked)) == []
    assert time.process_time() - began < 2


def test_text_is_read_at_some_hundred_kilobytes_a_second_at_least(
    project: Project, tmp_path: Path
) -> None:
    text = b"def function(argument: int) -> str:\n    return f'{argument} of many'\n" * 10_000
    wheel = make_wheel(tmp_path, {"demo_pkg/a.py": text})
    began = time.process_time()
    assert list(privacy.secrets(subject(project, wheel))) == []
    assert time.process_time() - began < len(text) / 200_000
