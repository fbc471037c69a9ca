from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.version import Version
from pypi_simple import PYPI_SIMPLE_ENDPOINT
from twine.utils import DEFAULT_REPOSITORY, TEST_REPOSITORY

from ci.distributions.manifest import read_release
from ci.errors import UserError
from ci.index.listing import Index, find_index, missing_files
from ci.index.repository import (
    Repository,
    add_repository_arguments,
    read_repository,
    without_userinfo,
)
from ci.index.retry import RetryPolicy, Transient, read_retry_policy
from ci.tests import faulty_proxy as faults

if TYPE_CHECKING:
    from ci.rehearsal.servers import PackageIndex
    from ci.tests.checkouts import Checkout
    from ci.tests.faulty_proxy import Fault, FaultyProxy

ONE = Version("1.0")
HURRIED = RetryPolicy(attempts=3, pause=0.01, request_timeout=5)
LOCAL = "http://127.0.0.1:9/team/release/"

pytestmark = pytest.mark.usefixtures("clean_environment")


def target_of(*arguments: str, **environ: str) -> Repository:
    parser = argparse.ArgumentParser()
    add_repository_arguments(parser)
    return read_repository(parser.parse_args(arguments), environ)


def write_pypirc(text: str) -> None:
    Path("~/.pypirc").expanduser().write_text(text)


# --- which repository, which index ---------------------------------------------------------------


def test_pypi_is_the_target_unless_another_is_named() -> None:
    assert target_of().upload_url == DEFAULT_REPOSITORY
    assert target_of().index_urls == (PYPI_SIMPLE_ENDPOINT,)
    assert target_of().is_pypi


def test_testpypi_has_its_own_index() -> None:
    repository = target_of("--repository", "testpypi")
    assert repository.upload_url == TEST_REPOSITORY
    assert repository.index_urls == (TEST_REPOSITORY.replace("/legacy/", "/simple/"),)
    assert target_of(TWINE_REPOSITORY="testpypi") == repository


def test_a_mirror_is_not_taken_for_pypi() -> None:
    repository = target_of(UV_DEFAULT_INDEX=LOCAL, UV_INDEX=LOCAL)
    assert repository.index_urls == (PYPI_SIMPLE_ENDPOINT,)


def test_an_argument_wins_over_the_environment() -> None:
    assert target_of("--repository", "pypi", TWINE_REPOSITORY_URL=LOCAL).is_pypi
    repository = target_of("--repository-url", LOCAL, TWINE_REPOSITORY="pypi")
    assert repository.upload_url == LOCAL
    assert target_of("--index-url", "http://i/", UV_INDEX="http://j/").index_urls == ("http://i/",)


@pytest.mark.parametrize("option", ["--repository", "--repository-url", "--index-url"])
@pytest.mark.parametrize("value", ["", " "])
def test_an_empty_argument_does_not_mean_pypi(option: str, value: str) -> None:
    with pytest.raises(UserError, match=option) as caught:
        target_of(f"{option}={value}")
    assert caught.value.code == "empty-option"


@pytest.mark.parametrize(
    ("said", "index"),
    [
        ("http://elsewhere/simple/", "http://elsewhere/simple/"),
        ("a=http://elsewhere/ http://127.0.0.1:9/b/ http://c/", "http://127.0.0.1:9/b/"),
        ("http://127.0.0.1:9/b/ local=http://elsewhere/", "http://elsewhere/"),
        ("http://me:word@127.0.0.1:9/b/?x=y http://c/", "http://me:word@127.0.0.1:9/b/?x=y"),
    ],
)
def test_uv_index_says_where_the_index_is_by_name_then_by_host_then_alone(
    said: str, index: str
) -> None:
    write_pypirc(f"[distutils]\nindex-servers = local\n[local]\nrepository = {LOCAL}\n")
    assert target_of("--repository", "local", UV_INDEX=said).index_urls == (index,)


def test_an_index_that_nobody_names_is_looked_for_near_the_upload_url() -> None:
    repository = target_of(TWINE_REPOSITORY_URL=LOCAL, UV_INDEX="http://b/ http://c/")
    assert repository.index_urls == (
        f"{LOCAL}+simple/",
        f"{LOCAL}simple/",
        "http://127.0.0.1:9/team/simple/",
    )


def test_certificates_come_from_pypirc_or_as_twine_takes_them() -> None:
    write_pypirc(
        f"[distutils]\nindex-servers = local\n[local]\nrepository = {LOCAL}\n"
        "ca_cert = ca.pem\nclient_cert = me.pem\nusername = me\npassword = word\n"
    )
    repository = target_of("--repository", "local")
    assert (repository.ca_cert, repository.client_cert) == ("ca.pem", "me.pem")
    assert (repository.username, repository.password) == ("me", "word")
    assert "word" not in repr(repository)
    assert target_of(TWINE_CERT="other.pem").ca_cert == "other.pem"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--repository", "nowhere"], "no-repository"),
        (["--repository", "empty"], "no-repository-url"),
        (["--repository-url", "ftp://127.0.0.1/"], "no-repository"),
        (["--repository-url", "http://me:word@127.0.0.1/"], "url-with-password"),
    ],
)
def test_a_target_that_can_not_be_meant_is_refused(arguments: list[str], code: str) -> None:
    write_pypirc("[distutils]\nindex-servers = empty\n[empty]\nusername = me\n")
    with pytest.raises(UserError) as caught:
        target_of(*arguments)
    assert caught.value.code == code
    assert "word" not in str(caught.value).replace("password", "").replace("PASSWORD", "")


def test_a_malformed_pypirc_is_refused_without_showing_it() -> None:
    write_pypirc("[distutils\npassword = hunter2\n")
    with pytest.raises(UserError, match="Malformed") as caught:
        target_of()
    assert "hunter2" not in str(caught.value)


def test_a_url_is_shown_without_its_user() -> None:
    assert without_userinfo("http://me:w%40rd@h:1/x") == ("http://h:1/x", ("me", "w@rd"))
    assert without_userinfo("http://h/x") == ("http://h/x", None)


# --- finding and reading it ----------------------------------------------------------------------


def target_at(*index_urls: str) -> Repository:
    return Repository(LOCAL, index_urls)


def test_the_first_place_that_answers_is_the_index(
    package_index: PackageIndex, proxy: FaultyProxy
) -> None:
    proxy.play(reads=[faults.answering(500, "Oops"), faults.answering(404, "Not Found")])
    repository = target_at(f"{proxy.url}simple/", package_index.index_url)
    assert find_index(repository, HURRIED, print).url == package_index.index_url


def test_where_no_place_answers_all_that_were_tried_are_named(proxy: FaultyProxy) -> None:
    proxy.play(
        reads=[
            faults.answering(404, "Not Found"),
            faults.answering(403, "Forbidden"),
            faults.answering(200, "OK", Content_Type="image/png"),
        ]
    )
    with pytest.raises(UserError) as caught:
        find_index(target_at(f"{proxy.url}a/", f"{proxy.url}b/", f"{proxy.url}c/"), HURRIED, print)
    assert caught.value.code == "no-index"
    assert all(f"{proxy.url}{name}/" in caught.value.found for name in "abc")
    assert "403 Forbidden" in caught.value.found


def test_user_and_password_of_the_index_are_sent_and_not_shown(proxy: FaultyProxy) -> None:
    seen = []

    def spy(exchange: faults.Exchange) -> None:
        seen.append(exchange.headers["Authorization"])
        faults.answering(403, "Forbidden")(exchange)

    proxy.play(reads=[spy])
    url = proxy.url.replace("://", "://me:w%40rd@")
    index = find_index(target_at(url), HURRIED, print)
    with pytest.raises(UserError) as caught:
        index.files("thing", ONE)
    assert seen == ["Basic bWU6d0ByZA=="]
    assert caught.value.code == "index-access"
    assert "rd" not in str(caught.value).replace("word", "") + repr(index)
    assert index.url_with_auth == url
    assert replace(index, auth=None).url_with_auth == proxy.url


@pytest.mark.parametrize(
    ("reads", "code"),
    [
        ([faults.answering(400, "Bad Request")], "index-refuses"),
        ([faults.answering(502, "Bad Gateway")] * 3, "index-unreachable"),
        ([faults.answering(200, "OK", Content_Type="image/png")] * 3, "index-unreachable"),
    ],
)
def test_an_index_that_can_not_be_read_is_named(
    proxy: FaultyProxy, reads: list[Fault], code: str
) -> None:
    proxy.play(reads=reads)
    with pytest.raises(UserError, match=proxy.url) as caught:
        Index(proxy.url, HURRIED, print).files("thing", ONE)
    assert caught.value.code == code
    assert proxy.read_count == len(reads)


def test_certificates_are_checked_against_those_that_were_named(
    proxy: FaultyProxy, clean_environment: pytest.MonkeyPatch
) -> None:
    for name in ("CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        clean_environment.delenv(name, raising=False)
    url = proxy.url.replace("http:", "https:")
    with pytest.raises(UserError, match=r"none\.pem") as caught:
        Index(url, HURRIED, print, ca_cert="none.pem").files("thing", ONE)
    assert caught.value.code == "index-unreachable"


def test_a_server_s_wish_to_be_left_alone_for_a_while_is_granted(proxy: FaultyProxy) -> None:
    throttled = faults.answering(429, "Too Many Requests", Retry_After="1")
    proxy.play(reads=[throttled, throttled])
    told: list[str] = []
    assert Index(proxy.url + "+simple/", HURRIED, told.append).files("thing", ONE) == {}
    assert [line.rpartition(";")[2] for line in told] == [
        " attempt 2 of 3 in 1 s",
        " attempt 3 of 3 in 1 s",
    ]


def test_other_versions_and_files_that_are_no_distributions_are_passed_over(
    proxy: FaultyProxy,
) -> None:
    page = "".join(
        f'<a href="{name}#sha256={"0" * 64}">{name}</a>'
        for name in (
            "thing-1.0.tar.gz",
            "thing-1.0.1.tar.gz",
            "thing-1.0.post1.tar.gz",
            "thing.txt",
        )
    )
    proxy.play(reads=[faults.answering(200, "OK", text=page, Content_Type="text/html")])
    found = Index(proxy.url, HURRIED, print).files("thing", ONE)
    assert found == {"thing-1.0.tar.gz": "0" * 64}


def test_differences_are_told_file_by_file(checkout: Checkout) -> None:
    release = read_release(checkout.dist)
    assert missing_files(release, {}, "there") == [checkout.wheel.name, checkout.sdist.name]
    assert missing_files(release, dict(release.files), "there") == []
    with pytest.raises(UserError) as caught:
        missing_files(release, {checkout.wheel.name: "0", "thing-1.0.zip": "1"}, "there")
    assert f"{checkout.wheel.name} has sha256 0 there" in caught.value.found
    assert "thing-1.0.zip is there and not here" in caught.value.found


# --- retry ------------------------------------------------------------------------------------


def test_patience_is_set_by_the_environment() -> None:
    assert read_retry_policy({}) == RetryPolicy()
    assert read_retry_policy({"PUBLISH_WAIT": "5", "PUBLISH_ATTEMPTS": "2"}) == RetryPolicy(
        2, wait=5
    )


@pytest.mark.parametrize("text", ["soon", "0", "-1", "inf", "nan"])
def test_patience_that_is_no_positive_number_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="PUBLISH_WAIT"):
        read_retry_policy({"PUBLISH_WAIT": text})


def test_what_is_no_passing_fault_is_not_tried_again() -> None:
    calls = []

    def fails(error: Exception) -> None:
        calls.append(error)
        raise error

    with pytest.raises(ValueError, match="for good"):
        HURRIED.retrying(print)(fails, ValueError("for good"))
    with pytest.raises(Transient, match="for now"):
        HURRIED.retrying(print)(fails, Transient("for now"))
    assert len(calls) == 1 + 3
