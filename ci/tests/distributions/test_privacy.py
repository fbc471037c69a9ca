from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ci.distributions.checks import privacy
from ci.package.project import Project, Settings, read_project
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
        (finding,) = privacy.private_names(project, distribution)
        assert (finding.member, finding.found) == (member, f"it is named like {kind}")
        for pattern in (f"demo_pkg/{name}", name.rpartition("/")[2], "src/demo_pkg/*"):
            allowed = with_settings(project, Settings(allow_names=(pattern,)))
            assert list(privacy.private_names(allowed, distribution)) == []


@pytest.mark.parametrize(
    "name", ["environment.py", "keys.py", "dbx.py", "csv.py", "logging.toml", "targz.md", "envoy"]
)
def test_an_ordinary_name_passes(project: Project, tmp_path: Path, name: str) -> None:
    assert list(privacy.private_names(project, make_sdist(tmp_path, {f"tests/{name}": b""}))) == []


# Put together here, so that no scanner takes this file for a leak; each is made up.
_SECRETS = {
    "AWS Access Key": f'key = "{FAKE_AWS_KEY}"',
    "PyPI Token": "pypi-" + "AgEIcHlwaS5vcmc" + "A" * 80,
    "GitHub Token": "ghp" + "_" + "A" * 36,
    "GitLab Token": "glpat" + "-" + "A" * 20,
    "Private Key": "-----BEGIN RSA" + " PRIVATE KEY-----",
    "Slack Token": "xoxb" + "-1-2-" + "a" * 20,
    "Stripe Access Key": "sk_" + "live_" + "A" * 24,
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
        findings = list(privacy.secrets(project, distribution))
        assert f"line 2 holds what looks like one: {kind}" in {each.found for each in findings}
        assert {each.member.removeprefix("src/") for each in findings} == {"demo_pkg/data.bin"}
        assert text not in "".join(map(str, findings))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "latin-1"])
def test_a_secret_is_found_in_any_encoding_and_between_any_bytes(
    project: Project, tmp_path: Path, encoding: str
) -> None:
    content = b"\xff\xfe\0\x80" + f"\u00e9\r\n{FAKE_AWS_KEY}\r\n".encode(encoding)
    (finding,) = privacy.secrets(project, make_wheel(tmp_path, {"demo_pkg/a.so": content}))
    assert finding.found.startswith("line 2 ")


def test_a_made_up_secret_may_be_allowed_by_name_and_only_by_its_own_setting(
    project: Project, tmp_path: Path
) -> None:
    sdist = make_sdist(tmp_path, {"tests/test_keys.py": FAKE_AWS_KEY.encode()})
    by_name = with_settings(project, Settings(allow_names=("*",)))
    assert [finding.rule for finding in privacy.secrets(by_name, sdist)] == ["secret"]
    by_contents = with_settings(project, Settings(allow_secrets_in=("tests/test_keys.py",)))
    assert list(privacy.secrets(by_contents, sdist)) == []


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
    assert list(privacy.secrets(project, wheel)) == []
