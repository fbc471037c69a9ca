from __future__ import annotations

import pytest

from ci.errors import UserError
from ci.index.urls import check_no_credentials, check_url, is_loopback, origin
from ci.tests.told import code_of as told


def code_of(url: str) -> str:
    with pytest.raises(UserError) as caught:
        check_url(url, "SOURCE", "use INSTEAD")
    problem = caught.value
    if told(problem) != "url-not-encrypted":
        assert "SOURCE" in problem.found
        assert "hunter2" not in str(problem)
    if told(problem) == "url-with-password":
        assert "use INSTEAD" in problem.remedy
    return told(problem)


@pytest.mark.parametrize(
    "url",
    [
        "https://index.invalid/simple/",
        "https://index.invalid:8443",
        "HTTPS://INDEX.invalid/",
        "http://127.0.0.1:3141/a/b/",
        "http://127.9.9.9/",
        "http://localhost/",
        "http://LOCALHOST:80/",
        "http://[::1]:8080/",
        "https://[2001:db8::1]/",
        "https://index.invalid/a@b/",
    ],
)
def test_a_url_is_given_back_as_it_was(url: str) -> None:
    assert check_url(url, "SOURCE", "use INSTEAD") == url


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://me:hunter2@index.invalid/", "url-with-password"),
        ("https://me@index.invalid/", "url-with-password"),
        ("https://:hunter2@index.invalid/", "url-with-password"),
        ("https://@index.invalid/", "url-with-password"),
        ("http://me:hunter2@127.0.0.1/", "url-with-password"),
        ("https://index.invalid/?token=hunter2", "url-with-password"),
        ("https://index.invalid/#hunter2", "url-with-password"),
        ("http://me:hunter2@index.invalid/", "url-with-password"),
        ("http://index.invalid/", "url-not-encrypted"),
        ("http://127.0.0.1.invalid/", "url-not-encrypted"),
        ("http://localhost.invalid/", "url-not-encrypted"),
        ("http://169.254.169.254/", "url-not-encrypted"),
        ("http://[2001:db8::1]/", "url-not-encrypted"),
        ("http://0.0.0.0/", "url-not-encrypted"),
        ("", "url-malformed"),
        ("index.invalid", "url-malformed"),
        ("//index.invalid/", "url-malformed"),
        ("https:hunter2", "url-malformed"),
        ("https://", "url-malformed"),
        ("https://:443/", "url-malformed"),
        ("ftp://me:hunter2@index.invalid/", "url-malformed"),
        ("file:///hunter2", "url-malformed"),
        ("https://[::1/hunter2", "url-malformed"),
        ("https://me:hunter2]@index.invalid/", "url-malformed"),
        ("https://index.invalid:hunter2/", "url-malformed"),
        ("https://index.invalid:99999/hunter2", "url-malformed"),
        ("https://index.invalid:0/", "url-malformed"),
        ("https://index.invalid/hunter2 ", "url-malformed"),
        (" https://index.invalid/hunter2", "url-malformed"),
        ("https://index.invalid\\@hunter2/", "url-malformed"),
        ("https://index.invalid/\x1b[31mhunter2", "url-malformed"),
        ("https://index\n.invalid/hunter2", "url-malformed"),
    ],
)
def test_a_url_that_could_do_harm_is_refused_and_not_shown_where_it_may_hold_a_password(
    url: str, code: str
) -> None:
    assert code_of(url) == code


def test_a_url_that_is_not_encrypted_is_shown() -> None:
    with pytest.raises(UserError, match=r"^http://index\.invalid/ is not HTTPS"):
        check_url("http://index.invalid/", "SOURCE", "use INSTEAD")


def test_what_is_not_ours_to_ask_may_be_a_file_but_hold_no_password() -> None:
    for url in ("file:///srv/simple", "/srv/wheels", "https://index.invalid/", "http://x.invalid/"):
        check_no_credentials(url, "SOURCE", "use INSTEAD")
    with pytest.raises(UserError, match="from SOURCE is malformed"):
        check_no_credentials("https://[hunter2", "SOURCE", "use INSTEAD")
    with pytest.raises(UserError, match="it is not shown"):
        check_no_credentials("http://me:hunter2@x.invalid/", "SOURCE", "use INSTEAD")


def test_an_origin_is_scheme_host_and_port() -> None:
    assert origin("https://index.invalid/a/") == origin("HTTPS://INDEX.invalid:443/b")
    assert origin("http://127.0.0.1/") == ("http", "127.0.0.1", 80)
    others = ("http://index.invalid:443", "https://index.invalid:444", "https://a.index.invalid")
    assert all(origin(url) != origin("https://index.invalid/") for url in others)


def test_this_machine_is_known_by_its_addresses_and_its_name() -> None:
    assert all(map(is_loopback, ("http://127.0.0.1", "https://[::1]:9/", "http://localhost/x")))
    assert not any(map(is_loopback, ("http://128.0.0.1", "http://[::2]/", "https://local/")))
