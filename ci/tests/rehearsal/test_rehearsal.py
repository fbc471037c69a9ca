"""What a rehearsal is made of."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from ci.errors import UserError
from ci.rehearsal.cloudformation import Template
from ci.rehearsal.rehearsal import (
    Rehearsal,
    open_rehearsal,
    release_version,
    secrets,
    token,
    with_index,
    with_indexes,
    with_variables,
)
from ci.rehearsal.servers import IndexServer, PackageIndex
from ci.tests.rehearsal.toy import add_staging, template

if TYPE_CHECKING:
    from pathlib import Path

OTHER = PackageIndex("http://other/", "http://other/+simple/", "me", "mine")


def test_its_servers_are_reached_without_the_user_s_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def aws_server(_: Path) -> None:
        raise UserError("x", "it ends where the first server would start", "")

    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setattr("ci.rehearsal.rehearsal.aws_server", aws_server)
    with pytest.raises(UserError, match="first server"), open_rehearsal(tmp_path, tmp_path):
        pytest.fail("it can't be open")
    assert os.environ["NO_PROXY"] == "127.0.0.1"


def test_it_knows_what_the_template_and_the_checkout_say(still: Rehearsal) -> None:
    assert (still.repository, still.branch, still.secret) == ("toy", "main", "toy/pypi")
    assert (still.project.name, still.tag) == ("toy", "v1.0")


def test_each_publisher_has_a_secret_for_its_repository() -> None:
    document = template()
    add_staging(document)
    assert secrets(Template(document)) == {"": "toy/pypi", "testpypi": "toy/testpypi"}


def test_a_stack_without_a_publisher_is_named() -> None:
    document = template()
    del document["Resources"]["Publish"]
    with pytest.raises(UserError, match="rehearsal-secret"):
        secrets(Template(document))


def test_an_index_takes_the_place_of_a_repository(
    still: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_INDEX", "http://mirror/")
    led = with_index(still, OTHER)
    assert led.account.indexes == {
        "": {
            "TWINE_REPOSITORY_URL": "http://other/",
            "UV_INDEX": "http://other/+simple/ http://mirror/",
        }
    }
    staged = with_index(still, OTHER, "testpypi")
    assert (staged.index, staged.staging) == (still.index, OTHER)
    assert set(staged.account.indexes) == {"testpypi"}


def test_empty_indexes_come_with_secrets_that_hold_their_tokens(
    still: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored: dict[str, str | None] = {}
    add_staging(still.account.template.document)

    def add_index(_: IndexServer, name: str, *, username: str, password: str) -> PackageIndex:
        return PackageIndex(f"http://{name}/", f"http://{name}/+simple/", username, password)

    def store(url: str, region: str, name: str, text: str | None) -> None:
        assert (url, region) == (still.aws.url, "eu-west-1")
        stored[name] = text

    monkeypatch.setattr(IndexServer, "add_index", add_index)
    monkeypatch.setattr("ci.rehearsal.rehearsal.store_secret", store)
    made = with_indexes(still, "row")
    assert made.staging
    assert (made.index.upload_url, made.staging.upload_url) == (
        "http://row/",
        "http://row-testpypi/",
    )
    assert stored == {"toy/pypi": token(made.index), "toy/testpypi": token(made.staging)}
    assert json.loads(token(OTHER)) == {"username": "me", "password": "mine"}
    assert made.index.password != made.staging.password


def test_more_variables_join_those_that_are_there(still: Rehearsal) -> None:
    more = with_variables(with_variables(still, {"A": "1"}), {"B": "2"})
    assert more.account.variables == {"A": "1", "B": "2"}


def package(root: Path, version: str) -> None:
    """A module x; `version` is a line of its [project]."""
    classifiers = 'classifiers = ["Programming Language :: Python :: 3.12"]'
    (root / "pyproject.toml").write_text(f'[project]\nname = "x"\n{classifiers}\n{version}')
    (root / "x.py").touch()


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("1.2.0", "1.2.0"),
        ("1.2.0rc1", "1.2.0rc1"),
        ("1.3.0.dev4+gabc1234", "1.3.0"),
        ("1.3.0.post1.dev2", "1.3.0"),
        ("1.2.0+local", "1.2.0"),
    ],
)
def test_a_version_between_two_tags_is_released_as_the_next_one(
    tmp_path: Path, said: str, version: str
) -> None:
    package(tmp_path, f'version = "{said}"\n')
    assert release_version(tmp_path) == version


@pytest.mark.parametrize(
    ("said", "changelog", "version"),
    [
        (
            "0.1.dev2+gabc1234",
            "## [Unreleased]\n\n## [1.4.0] - 2026-01-31\n\n## [1.3]\n",
            "1.4.0",
        ),
        ("0.1.dev2+gabc1234", "## [Unreleased]\n", "0.1"),
        ("1.2.0", "## [1.4.0] - 2026-01-31\n", "1.2.0"),
    ],
)
def test_a_version_between_two_tags_is_released_as_the_changelog_s_newest(
    tmp_path: Path, said: str, changelog: str, version: str
) -> None:
    package(tmp_path, f'version = "{said}"\n')
    (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\n{changelog}")
    assert release_version(tmp_path) == version


def test_the_build_backend_says_the_version_that_is_not_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path, 'dynamic = ["version"]\n')
    uv = tmp_path / "uv"
    uv.write_text('#!/bin/sh\ncase "$*" in *" distributions.version") echo 2.0.dev1;; esac\n')
    uv.chmod(0o755)
    monkeypatch.setattr("uv.find_uv_bin", lambda: str(uv))
    assert release_version(tmp_path) == "2.0"
    uv.write_text("#!/bin/sh\necho no backend >&2; exit 1\n")
    with pytest.raises(UserError, match=r"no backend.*rehearsal-version"):
        release_version(tmp_path)
