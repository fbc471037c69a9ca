"""What a build finds around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests

from ci.checkout.git import git
from ci.errors import UserError
from ci.rehearsal.container import make_home, reach, spare_loopback

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_httpserver import HTTPServer


def test_a_build_gets_nothing_of_the_user_s_but_the_way_to_the_index(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "mine")
    monkeypatch.setenv("TWINE_PASSWORD", "mine")
    monkeypatch.setenv("UV_PUBLISH_TOKEN", "mine")
    monkeypatch.setenv("PIP_TARGET", "mine")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com")
    found = reach()
    assert "mine" not in found.values()
    assert found["HTTPS_PROXY"] == "http://proxy.example.com"


def test_loopback_is_reached_without_the_user_s_proxy(
    monkeypatch: pytest.MonkeyPatch, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/").respond_with_data("here")
    url = f"http://127.0.0.1:{httpserver.port}/"
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "")
    with pytest.raises(requests.exceptions.ProxyError):
        requests.get(url, timeout=10)
    spare_loopback()
    assert requests.get(url, timeout=10).text == "here"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "127.0.0.1"),
        (".example.com", ".example.com,127.0.0.1"),
        ("127.0.0.1,other", "127.0.0.1,other"),
        ("*", "*"),
    ],
)
def test_a_build_hears_of_the_user_s_own_exceptions_too(
    monkeypatch: pytest.MonkeyPatch, before: str, after: str
) -> None:
    monkeypatch.setenv("NO_PROXY", before)
    monkeypatch.setenv("no_proxy", "")
    spare_loopback()
    found = reach()
    assert (found["NO_PROXY"], found["no_proxy"]) == (after, after)


def test_caches_are_the_laptop_s_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("UV_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert reach()["UV_CACHE_DIR"] == str(tmp_path / "uv")


@pytest.mark.parametrize(
    ("name", "file"), [("UV_CONFIG_FILE", "uv/uv.toml"), ("PIP_CONFIG_FILE", "pip/pip.conf")]
)
def test_the_laptop_s_way_to_its_index_may_be_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, file: str
) -> None:
    monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / file).parent.mkdir()
    (tmp_path / file).touch()
    assert reach()[name] == str(tmp_path / file)


@pytest.mark.parametrize("helper", [True, False])
def test_git_fetches_in_a_build_with_the_credential_helper_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, helper: bool
) -> None:
    repository = tmp_path / "codecommit.git"
    git(tmp_path, "init", "--quiet", "--bare", str(repository))
    make_home(tmp_path / "root", repository, credential_helper=helper)
    monkeypatch.setenv("HOME", str(tmp_path / "root"))
    monkeypatch.delenv("GIT_CONFIG_GLOBAL", raising=False)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    if helper:
        assert git(tmp_path, "ls-remote", str(repository)) == ""
    else:
        with pytest.raises(UserError, match="no-git-credential-helper"):
            git(tmp_path, "ls-remote", str(repository))
