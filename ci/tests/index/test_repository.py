from __future__ import annotations

import argparse
import os
from pathlib import Path

import pytest
from pypi_simple import PYPI_SIMPLE_ENDPOINT
from twine.utils import DEFAULT_REPOSITORY, TEST_REPOSITORY

from ci.errors import UserError
from ci.index.repository import (
    Repository,
    add_repository_arguments,
    index_credentials,
    read_repository,
)
from ci.tests.told import code_of as told

LOCAL = "http://127.0.0.1:9/team/release/"

pytestmark = pytest.mark.usefixtures("clean_environment")


def target_of(*arguments: str, **environ: str) -> Repository:
    parser = argparse.ArgumentParser()
    add_repository_arguments(parser)
    return read_repository(parser.parse_args(arguments), environ)


def code_of(*arguments: str, **environ: str) -> str:
    with pytest.raises(UserError) as caught:
        target_of(*arguments, **environ)
    assert "hunter2" not in str(caught.value)
    return told(caught.value)


def write_pypirc(text: str) -> None:
    Path("~/.pypirc").expanduser().write_text(text)


def test_pypi_is_the_target_unless_another_is_named() -> None:
    assert target_of().upload_url == DEFAULT_REPOSITORY
    assert target_of().index_urls == (PYPI_SIMPLE_ENDPOINT,)
    assert target_of().is_pypi
    assert not target_of().is_local


def test_testpypi_has_its_own_index() -> None:
    repository = target_of("--repository", "testpypi")
    assert repository.upload_url == TEST_REPOSITORY
    assert repository.index_urls == (TEST_REPOSITORY.replace("/legacy/", "/simple/"),)
    assert repository.is_pypi
    assert target_of(TWINE_REPOSITORY="testpypi") == repository


def test_a_mirror_is_not_taken_for_pypi() -> None:
    repository = target_of(UV_DEFAULT_INDEX=LOCAL, UV_INDEX=LOCAL)
    assert repository.index_urls == (PYPI_SIMPLE_ENDPOINT,)
    assert not target_of("--repository-url", LOCAL).is_pypi


@pytest.mark.parametrize("host", ["127.0.0.1:9", "localhost", "[::1]:8080"])
def test_a_repository_on_this_machine_is_local(host: str) -> None:
    assert target_of(
        "--repository-url", f"http://{host}/", "--index-url", f"http://{host}/"
    ).is_local
    assert not target_of("--repository-url", "https://index.invalid/").is_local


def test_an_argument_wins_over_the_environment() -> None:
    assert target_of("--repository", "pypi", TWINE_REPOSITORY_URL=LOCAL).is_pypi
    assert target_of(TWINE_REPOSITORY_URL=LOCAL, TWINE_REPOSITORY="pypi").upload_url == LOCAL
    repository = target_of("--repository-url", LOCAL, TWINE_REPOSITORY="pypi")
    assert repository.upload_url == LOCAL
    index = "https://index.invalid/"
    assert target_of("--index-url", index, UV_INDEX=LOCAL).index_urls == (index,)


def test_two_arguments_for_the_target_are_one_too_many(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        target_of("--repository", "pypi", "--repository-url", LOCAL)
    assert "not allowed with" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--repository", "--repository-url", "--index-url"])
@pytest.mark.parametrize("value", ["", " "])
def test_an_empty_argument_does_not_mean_pypi(option: str, value: str) -> None:
    with pytest.raises(UserError, match=option) as caught:
        target_of(f"{option}={value}")
    assert told(caught.value) == "empty-option"


@pytest.mark.parametrize("name", ["TWINE_REPOSITORY", "TWINE_REPOSITORY_URL"])
@pytest.mark.parametrize("value", ["", " "])
def test_an_empty_variable_does_not_mean_pypi(name: str, value: str) -> None:
    with pytest.raises(UserError, match=name) as caught:
        target_of(**{name: value})
    assert told(caught.value) == "empty-option"
    assert target_of("--repository", "testpypi", **{name: value}).is_pypi


@pytest.mark.parametrize(
    ("said", "index"),
    [
        ("https://elsewhere.invalid/simple/", "https://elsewhere.invalid/simple/"),
        (
            "a=https://elsewhere.invalid/ http://127.0.0.1:9/b/ https://c.invalid/",
            "http://127.0.0.1:9/b/",
        ),
        ("http://127.0.0.1:9/b/ local=https://elsewhere.invalid/", "https://elsewhere.invalid/"),
        ("http://127.0.0.1:9/a=b/", "http://127.0.0.1:9/a=b/"),
    ],
)
def test_uv_index_says_where_the_index_is_by_name_then_by_host_then_alone(
    said: str, index: str
) -> None:
    write_pypirc(f"[distutils]\nindex-servers = local\n[local]\nrepository = {LOCAL}\n")
    assert target_of("--repository", "local", UV_INDEX=said).index_urls == (index,)


def test_an_index_that_nobody_names_is_looked_for_near_the_upload_url() -> None:
    for said in ("", "https://b.invalid/ https://c.invalid/"):
        repository = target_of(TWINE_REPOSITORY_URL=LOCAL, UV_INDEX=said)
        assert repository.index_urls == (
            f"{LOCAL}+simple/",
            f"{LOCAL}simple/",
            "http://127.0.0.1:9/team/simple/",
        )


def test_certificates_come_from_pypirc_or_as_twine_takes_them() -> None:
    write_pypirc(
        f"[distutils]\nindex-servers = local\n[local]\nrepository = {LOCAL}\n"
        "ca_cert = ca.pem\nclient_cert = me.pem\nusername = me\npassword = hunter2\n"
    )
    repository = target_of("--repository", "local", TWINE_CERT="other.pem")
    assert (repository.ca_cert, repository.client_cert) == ("ca.pem", "me.pem")
    assert (repository.username, repository.password) == ("me", "hunter2")
    assert "hunter2" not in repr(repository)
    assert target_of(TWINE_CERT="other.pem").ca_cert == "other.pem"
    assert target_of(TWINE_CERT="").ca_cert is None


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("nowhere", "no-repository"),
        ("no-url", "no-repository-url"),
        ("empty", "url-malformed"),
        ("plain", "url-not-encrypted"),
        ("password", "url-with-password"),
        ("token", "url-with-password"),
    ],
)
def test_an_invalid_section_of_pypirc_is_refused(name: str, code: str) -> None:
    write_pypirc(
        "[distutils]\nindex-servers = no-url empty plain password token\n"
        "[no-url]\nusername = me\n"
        "[empty]\nrepository =\n"
        "[plain]\nrepository = http://index.invalid/\n"
        "[password]\nrepository = https://me:hunter2@index.invalid/\n"
        "[token]\nrepository = https://index.invalid/?token=hunter2\n"
    )
    assert code_of("--repository", name) == code
    with pytest.raises(UserError, match=name):
        target_of("--repository", name)


@pytest.mark.parametrize(
    ("arguments", "environ", "source", "instead"),
    [
        (["--repository-url", "{}"], {}, "--repository-url", "TWINE_PASSWORD, or keyring"),
        ([], {"TWINE_REPOSITORY_URL": "{}"}, "TWINE_REPOSITORY_URL", "TWINE_PASSWORD, or keyring"),
        (["--index-url", "{}"], {}, "--index-url", ".netrc"),
        ([LOCAL], {"UV_INDEX": "{}"}, "UV_INDEX", "UV_INDEX_<NAME>_PASSWORD"),
        ([LOCAL], {"UV_INDEX": "name={}"}, "UV_INDEX", "UV_INDEX_<NAME>_USERNAME"),
        ([LOCAL], {"UV_INDEX": f"{LOCAL} name={{}}"}, "UV_INDEX", ".netrc"),
    ],
)
@pytest.mark.parametrize(
    "url", ["https://me:hunter2@index.invalid/", "https://index.invalid/?token=hunter2"]
)
def test_a_password_in_a_url_is_refused_from_wherever_it_comes(
    arguments: list[str], environ: dict[str, str], source: str, instead: str, url: str
) -> None:
    said = [argument.format(url) for argument in arguments]
    said = ["--repository-url", *said] if said == [LOCAL] else said
    with pytest.raises(UserError) as caught:
        target_of(*said, **{name: value.format(url) for name, value in environ.items()})
    assert told(caught.value) == "url-with-password"
    assert source in caught.value.found
    assert instead in caught.value.remedy
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "[distutils\npassword = hunter2\n",
        "password = hunter2\n",
        "[a]\npassword = hunter2\npassword = hunter2\n",
        "[a]\n[a]\npassword = hunter2\n",
        "[a]\nhunter2\n",
    ],
)
def test_a_malformed_pypirc_is_refused_without_showing_it(text: str) -> None:
    write_pypirc(text)
    assert code_of() == "no-repository"


def test_a_pypirc_that_is_no_text_or_no_file_is_refused(
    clean_environment: pytest.MonkeyPatch,
) -> None:
    Path("~/.pypirc").expanduser().write_bytes(b"[a]\npassword = \xff\xfe\n")
    assert code_of() == "no-repository"
    Path("~/.pypirc").expanduser().unlink()
    Path("~/.pypirc").expanduser().mkdir()
    assert code_of() == "no-repository"
    clean_environment.setenv("HOME", "/no/such/folder")
    assert target_of().is_pypi


# --- credentials for reading ---------------------------------------------------------------------

INDEX = "https://index.invalid/simple/"


@pytest.mark.parametrize(
    ("name", "prefix"), [("mine", "MINE"), ("my-own.index", "MY_OWN_INDEX"), ("a_1", "A_1")]
)
def test_a_named_index_has_the_credentials_that_uv_would_use(name: str, prefix: str) -> None:
    environ = {
        "UV_INDEX": f"https://other.invalid/ {name}={INDEX}",
        f"UV_INDEX_{prefix}_USERNAME": "me",
        f"UV_INDEX_{prefix}_PASSWORD": "hunter2",
    }
    assert index_credentials(INDEX, environ) == ("me", "hunter2")
    assert index_credentials(INDEX.rstrip("/"), environ) == ("me", "hunter2")
    assert index_credentials("https://other.invalid/", environ) is None
    del environ[f"UV_INDEX_{prefix}_USERNAME"]
    assert index_credentials(INDEX, environ) == ("", "hunter2")
    del environ[f"UV_INDEX_{prefix}_PASSWORD"]
    assert index_credentials(INDEX, environ) is None


def test_a_repository_has_the_credentials_of_its_index_and_no_others() -> None:
    variables = {"UV_INDEX_MINE_USERNAME": "me", "UV_INDEX_MINE_PASSWORD": "hunter2"}
    repository = target_of(
        *("--repository-url", LOCAL, "--index-url", INDEX), UV_INDEX=f"mine={INDEX}", **variables
    )
    assert repository.index_auth == {INDEX: ("me", "hunter2")}
    assert "hunter2" not in repr(repository)
    assert target_of("--repository-url", LOCAL, UV_INDEX="mine=https://x.invalid/").index_auth == {}


def test_an_index_without_a_name_has_those_of_netrc() -> None:
    path = Path(os.environ["HOME"], ".netrc")
    path.write_text("machine index.invalid login me password hunter2\n")
    path.chmod(0o600)
    assert index_credentials(INDEX, {"UV_INDEX": INDEX}) == ("me", "hunter2")
    assert index_credentials("https://other.invalid/", {}) is None
    path.write_text("machine")
    assert index_credentials(INDEX, {}) is None
