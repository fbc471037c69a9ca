from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING

import boto3
import keyring
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoBackend
from keyring.credentials import SimpleCredential
from moto import mock_aws
from twine.utils import DEFAULT_REPOSITORY

from ci.errors import UserError
from ci.index import credentials
from ci.index.credentials import Credentials, find_credentials, read_secret, take_from_environment
from ci.index.repository import Repository
from ci.tests.told import code_of as told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_secretsmanager import SecretsManagerClient

TOKEN = "pypi-" + "A" * 40
ELSEWHERE = Repository("http://127.0.0.1:9/", ())
_number = itertools.count(1)


def code_of(problem: UserError) -> str:
    assert TOKEN not in f"{problem!r} {problem.__cause__!r} {problem.__context__!r}"
    return told(problem)


@pytest.fixture
def aws(clean_environment: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An AWS login that means nothing."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        clean_environment.setenv(name, value)
    return clean_environment


@pytest.fixture(scope="module")
def secrets_manager() -> Iterator[SecretsManagerClient]:
    """A Secrets Manager in this process."""
    with mock_aws():
        yield boto3.client("secretsmanager", "us-east-1")


@pytest.fixture
def secrets(
    secrets_manager: SecretsManagerClient,
    aws: pytest.MonkeyPatch,  # noqa: ARG001 - its variables
) -> SecretsManagerClient:
    """The same, with a login in the environment that leads there."""
    return secrets_manager


@pytest.fixture
def keyring_of() -> Iterator[Callable[..., None]]:
    """Make keyring hold these (service, user name, password), and nothing else."""
    before = keyring.get_keyring()

    def hold(*entries: tuple[str, str, str]) -> None:
        keyring.set_keyring(
            _Memory({(service, username): word for service, username, word in entries})
        )

    yield hold
    keyring.set_keyring(before)


class _Memory(KeyringBackend):
    priority = 1.0

    def __init__(self, entries: dict[tuple[str, str], str]) -> None:
        self.entries = entries

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password

    def get_password(self, service: str, username: str) -> str | None:
        return self.entries.get((service, username))

    def get_credential(self, service: str, username: str | None) -> SimpleCredential | None:
        found = [
            SimpleCredential(user, password)
            for (place, user), password in self.entries.items()
            if place == service and username in {None, user}
        ]
        return found[0] if found else None


def store(secrets: SecretsManagerClient, text: str) -> str:
    name = f"thing/pypi-{next(_number)}"
    secrets.create_secret(Name=name, SecretString=text)
    return name


def test_the_secret_is_read_and_not_shown(secrets: SecretsManagerClient) -> None:
    name = store(secrets, json.dumps({"username": "__token__", "password": TOKEN}))
    found = find_credentials(ELSEWHERE, (None, None), {"PYPI_SECRET_ID": name})
    assert found.environment() == {"TWINE_USERNAME": "__token__", "TWINE_PASSWORD": TOKEN}
    assert TOKEN not in f"{found} {found!r}"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (TOKEN, "secret-not-json"),
        (f'["{TOKEN}"]', "secret-not-json"),
        ("[" * 50_000, "secret-not-json"),
        (f'{{"username": "__token__", "password": "{TOKEN}"', "secret-not-json"),
        ('{"username": "__token__"}', "secret-key"),
        (f'{{"password": "{TOKEN}"}}', "secret-key"),
        ('{"username": "__token__", "password": 12}', "secret-key"),
        ('{"username": "__token__", "password": ""}', "credentials-empty"),
        ('{"username": "__token__", "password": " "}', "credentials-empty"),
        (f'{{"username": "", "password": "{TOKEN}"}}', "credentials-empty"),
        (f'{{"username": "__token__", "password": "{TOKEN}\\n"}}', "credentials-whitespace"),
        (f'{{"username": "__token__", "password": " {TOKEN}"}}', "credentials-whitespace"),
        (f'{{"username": "__token__", "password": "{TOKEN}\\u2026"}}', "credentials-characters"),
        (f'{{"username": "__token__", "password": "{TOKEN}\\n{TOKEN}"}}', "credentials-characters"),
        ('{"username": "__token__", "password": "hunter2"}', "not-a-token"),
        (f'{{"username": "{TOKEN}", "password": "__token__"}}', "token-as-name"),
    ],
)
def test_each_way_in_which_the_secret_can_be_wrong_has_its_message(
    secrets: SecretsManagerClient, text: str, code: str
) -> None:
    name = store(secrets, text)
    with pytest.raises(UserError) as caught:
        find_credentials(ELSEWHERE, (None, None), {"PYPI_SECRET_ID": name})
    assert code_of(caught.value) == code
    assert name in caught.value.found


def test_an_absent_secret_is_named(secrets: SecretsManagerClient) -> None:
    with pytest.raises(UserError, match="thing/absent") as caught:
        read_secret("thing/absent")
    assert code_of(caught.value) == "secret-absent"
    assert secrets.meta.region_name == "us-east-1"


def test_a_binary_secret_is_refused(secrets: SecretsManagerClient) -> None:
    secrets.create_secret(Name="thing/binary", SecretBinary=TOKEN.encode())
    with pytest.raises(UserError) as caught:
        read_secret("thing/binary")
    assert code_of(caught.value) == "secret-binary"


def test_a_deleted_secret_comes_with_the_way_back(secrets: SecretsManagerClient) -> None:
    name = store(secrets, "{}")
    secrets.delete_secret(SecretId=name)
    with pytest.raises(UserError, match=f"restore-secret --secret-id {name}") as caught:
        read_secret(name)
    assert code_of(caught.value) == "secret-deleted"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("AccessDeniedException", "secret-access"),
        ("AccessDenied", "secret-access"),
        ("DecryptionFailure", "secret-decryption"),
        ("DecryptionFailureException", "secret-decryption"),
        ("ExpiredTokenException", "aws-login"),
        ("UnrecognizedClientException", "aws-login"),
        ("InternalServiceError", "secret-refused"),
    ],
)
def test_a_refusal_that_a_local_server_never_gives_has_its_message(answer: str, code: str) -> None:
    error = ClientError({"Error": {"Code": answer, "Message": "no"}}, "GetSecretValue")
    assert code_of(credentials.refusal("thing/pypi", error)) == code


@pytest.mark.parametrize(
    ("removed", "code"),
    [
        (["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"], "aws-credentials"),
        (["AWS_SECRET_ACCESS_KEY"], "aws-credentials"),
        (["AWS_DEFAULT_REGION"], "aws-region"),
    ],
)
def test_what_aws_lacks_is_named(
    secrets: SecretsManagerClient,
    clean_environment: pytest.MonkeyPatch,
    removed: list[str],
    code: str,
) -> None:
    name = store(secrets, "{}")
    for variable in removed:
        clean_environment.delenv(variable)
    with pytest.raises(UserError) as caught:
        read_secret(name)
    assert code_of(caught.value) == code


def test_an_endpoint_where_nobody_answers_is_named(aws: pytest.MonkeyPatch) -> None:
    aws.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    aws.setattr(credentials, "_CONFIG", Config(retries={"total_max_attempts": 1}))
    with pytest.raises(UserError, match=r"127\.0\.0\.1:9") as caught:
        read_secret("thing/pypi")
    assert code_of(caught.value) == "aws-unreachable"


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SECRETS_MANAGER"])
def test_a_secret_is_asked_for_over_https(aws: pytest.MonkeyPatch, name: str) -> None:
    aws.setenv(name, "http://secrets.invalid")
    with pytest.raises(UserError, match=r"http://secrets\.invalid is not HTTPS") as caught:
        read_secret("thing/pypi")
    assert code_of(caught.value) == "url-not-encrypted"


def test_a_password_in_the_endpoint_is_refused_and_not_shown(aws: pytest.MonkeyPatch) -> None:
    aws.setenv("AWS_ENDPOINT_URL", "http://me:hunter2@127.0.0.1:9")
    with pytest.raises(UserError) as caught:
        read_secret("thing/pypi")
    assert code_of(caught.value) == "url-with-password"
    assert "hunter2" not in str(caught.value)


def test_the_environment_wins_and_is_left_without_them() -> None:
    environ = {"TWINE_USERNAME": "me", "TWINE_PASSWORD": TOKEN, "PYPI_SECRET_ID": "x", "A": "b"}
    given = take_from_environment(environ)
    assert environ == {"PYPI_SECRET_ID": "x", "A": "b"}
    found = find_credentials(ELSEWHERE, given, environ)
    assert found == Credentials("me", TOKEN, "TWINE_PASSWORD")


def test_pypi_s_user_name_need_not_be_told_and_another_s_must() -> None:
    found = find_credentials(Repository(DEFAULT_REPOSITORY, ()), (None, TOKEN), {})
    assert found.username == "__token__"
    found = find_credentials(
        Repository("http://127.0.0.1:9/", (), username="me"), (None, TOKEN), {}
    )
    assert found.username == "me"
    with pytest.raises(UserError) as caught:
        find_credentials(ELSEWHERE, (None, TOKEN), {})
    assert code_of(caught.value) == "no-username"


def test_where_there_is_no_password_the_three_ways_are_named(
    keyring_of: Callable[..., None],
) -> None:
    keyring_of()
    with pytest.raises(UserError) as caught:
        find_credentials(ELSEWHERE, ("me", None), {})
    assert code_of(caught.value) == "no-credentials"
    for way in ("TWINE_PASSWORD", "PYPI_SECRET_ID", "keyring set http://127.0.0.1:9/ me"):
        assert way in caught.value.remedy


@pytest.mark.parametrize("given", ["__token__", None])
def test_keyring_is_asked_as_twine_asks_it(
    keyring_of: Callable[..., None], given: str | None
) -> None:
    keyring_of((ELSEWHERE.upload_url, "__token__", TOKEN))
    found = find_credentials(ELSEWHERE, (given, None), {})
    assert found == Credentials("__token__", TOKEN, "keyring")


def test_the_password_of_pypirc_comes_before_keyring_s(keyring_of: Callable[..., None]) -> None:
    keyring_of((ELSEWHERE.upload_url, "me", "another"))
    repository = Repository(ELSEWHERE.upload_url, (), username="me", password="mine")
    assert find_credentials(repository, (None, None), {}) == Credentials("me", "mine", ".pypirc")


def test_a_password_of_pypirc_without_a_user_is_none(keyring_of: Callable[..., None]) -> None:
    keyring_of()
    with pytest.raises(UserError) as caught:
        find_credentials(Repository(ELSEWHERE.upload_url, (), password=TOKEN), (None, None), {})
    assert code_of(caught.value) == "no-credentials"


@pytest.mark.parametrize("given", ["me", None])
def test_a_keyring_that_fails_is_no_traceback(
    keyring_of: Callable[..., None], capsys: pytest.CaptureFixture[str], given: str | None
) -> None:
    keyring_of()
    keyring.set_keyring(_Locked("locked"))
    with pytest.raises(UserError, match="RuntimeError: locked: ") as caught:
        find_credentials(ELSEWHERE, (given, None), {})
    assert code_of(caught.value) == "keyring-failed"
    assert capsys.readouterr() == ("", "")


def test_a_machine_without_a_keyring_has_no_password(keyring_of: Callable[..., None]) -> None:
    keyring_of()
    keyring.set_keyring(NoBackend())  # type: ignore[no-untyped-call]  # it has no types
    with pytest.raises(UserError) as caught:
        find_credentials(ELSEWHERE, ("me", None), {})
    assert code_of(caught.value) == "no-credentials"


class _Locked(KeyringBackend):
    priority = 1.0

    def __init__(self, reason: str) -> None:  # with an argument, keyring never finds it by itself
        self.reason = reason

    def set_password(self, service: str, username: str, password: str) -> None:
        raise RuntimeError(service, username, password)

    def get_password(self, service: str, username: str) -> str | None:
        raise RuntimeError(f"{self.reason}: {service} {username}")

    def get_credential(self, service: str, username: str | None) -> SimpleCredential | None:
        raise RuntimeError(f"{self.reason}: {service} {username}")


def test_another_user_s_password_is_not_taken(keyring_of: Callable[..., None]) -> None:
    keyring_of((ELSEWHERE.upload_url, "another", TOKEN))
    with pytest.raises(UserError) as caught:
        find_credentials(ELSEWHERE, ("me", None), {})
    assert code_of(caught.value) == "no-credentials"


@pytest.mark.parametrize(
    "name",
    [
        TOKEN,
        "pypi-AgEIcHlwaS5vcmcCJGQ0ZTY5",
        f"thing/{TOKEN}",
        f'{{"username": "__token__", "password": "{TOKEN}"}}',
        "pypi-a-b-" + "c" * 20,
        "pypi-AgEN-dG-VzdC-5weX",
    ],
)
def test_a_token_in_place_of_a_name_is_refused_and_not_shown(name: str) -> None:
    for variable, given, environ in (
        ("PYPI_SECRET_ID", (None, None), {"PYPI_SECRET_ID": name}),
        ("TWINE_USERNAME", (name, None), {}),
        ("TWINE_USERNAME", (name, TOKEN), {}),
    ):
        with pytest.raises(UserError, match=variable) as caught:
            find_credentials(ELSEWHERE, given, environ)
        assert code_of(caught.value) == "token-as-name"
        assert name not in str(caught.value)


@pytest.mark.parametrize("password", ["x", None])
def test_a_token_in_place_of_pypirc_s_user_is_refused_and_not_shown(
    keyring_of: Callable[..., None], password: str | None
) -> None:
    keyring_of()
    repository = Repository(ELSEWHERE.upload_url, (), username=TOKEN, password=password)
    for given in ("x", None):
        with pytest.raises(UserError) as caught:
            find_credentials(repository, (None, given), {})
        assert code_of(caught.value) == "token-as-name"
        assert TOKEN not in str(caught.value)


def test_a_token_in_place_of_keyring_s_user_is_refused_and_not_shown(
    keyring_of: Callable[..., None],
) -> None:
    keyring_of((ELSEWHERE.upload_url, TOKEN, "x"))
    with pytest.raises(UserError) as caught:
        find_credentials(ELSEWHERE, (None, None), {})
    assert code_of(caught.value) == "token-as-name"
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("name", ["", " "])
def test_an_empty_name_is_refused(name: str) -> None:
    for given, environ in (((None, None), {"PYPI_SECRET_ID": name}), ((name, TOKEN), {})):
        with pytest.raises(UserError) as caught:
            find_credentials(ELSEWHERE, given, environ)
        assert code_of(caught.value) == "empty-variable"


@pytest.mark.parametrize(
    "name", ["hunter2 ", "a\nb", "pass word", '{"password": "hunter2"}', "a" * 2049]
)
def test_an_invalid_name_of_a_secret_is_refused_and_not_shown(name: str) -> None:
    with pytest.raises(UserError, match="PYPI_SECRET_ID") as caught:
        find_credentials(ELSEWHERE, (None, None), {"PYPI_SECRET_ID": name})
    assert code_of(caught.value) == "secret-id"
    assert name not in str(caught.value)


@pytest.mark.usefixtures("secrets")
@pytest.mark.parametrize(
    "name",
    [
        "thing/pypi",
        "pypi-publisher",
        "pypi-upload-token-of-the-thing",
        "arn:aws:secretsmanager:us-west-2:123456789012:secret:thing/pypi-AgEcDf",
    ],
)
def test_a_name_that_begins_like_a_token_is_a_name(name: str) -> None:
    with pytest.raises(UserError) as caught:
        find_credentials(ELSEWHERE, (None, None), {"PYPI_SECRET_ID": name})
    assert code_of(caught.value) == "secret-absent"
    assert find_credentials(ELSEWHERE, (name, "word"), {}).username == name


@pytest.mark.parametrize("password", ["", " "])
def test_an_empty_password_is_not_passed_over_for_another(password: str) -> None:
    repository = Repository(ELSEWHERE.upload_url, (), username="me", password="mine")
    with pytest.raises(UserError, match="TWINE_PASSWORD") as caught:
        find_credentials(repository, ("me", password), {})
    assert code_of(caught.value) == "credentials-empty"
