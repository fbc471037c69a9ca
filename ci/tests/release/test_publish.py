from __future__ import annotations

import itertools
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ci.distributions.manifest import NAME, file_sha256, write_manifest
from ci.errors import UserError
from ci.index import upload
from ci.index.redaction import WITHHELD
from ci.release import publish
from ci.tests import fake_index as answers
from ci.tests.checkouts import make_checkout
from ci.tests.fake_index import PASSWORD, USERNAME, accept_and_answer, answering, listing
from ci.tests.told import code_of
from ci.tests.twine_here import run_twine_here

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ci.tests.checkouts import Checkout
    from ci.tests.conftest import Clock
    from ci.tests.fake_index import Answer, FakeIndex

for_ever = itertools.repeat


@dataclass(frozen=True)
class Stage:
    """A built package, an index for it, and the token in the environment."""

    checkout: Checkout
    index: FakeIndex
    clock: Clock
    environment: pytest.MonkeyPatch
    capture: pytest.CaptureFixture[str]

    def run(self, *arguments: str) -> str | None:
        """Publish; the code of the UserError that it ends with, None if it succeeds."""
        self.environment.setenv("TWINE_USERNAME", USERNAME)
        self.environment.setenv("TWINE_PASSWORD", PASSWORD)
        return self.run_as_it_is("--repository-url", self.index.upload_url, *arguments)

    def run_as_it_is(self, *arguments: str) -> str | None:
        try:
            publish.main([*arguments])
        except UserError as problem:
            print(problem)
            return code_of(problem)
        return None

    def said(self) -> str:
        """What was printed since this was last called; the token never is."""
        out, err = self.capture.readouterr()
        assert PASSWORD not in out + err
        return out + err

    def change_the_wheel(self) -> None:
        self.checkout.repack_the_wheel()

    def nothing_was_asked(self) -> bool:
        return not self.index.asked


@pytest.fixture
def stage(
    checkout: Checkout,
    index: FakeIndex,
    clock: Clock,
    clean_environment: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Stage:
    clean_environment.setattr(upload, "run_twine", run_twine_here)
    clean_environment.setenv("UV_INDEX", index.url)
    return Stage(checkout, index, clock, clean_environment, capsys)


# --- without faults ------------------------------------------------------------------------------


@pytest.mark.parametrize("html", [False, True], ids=["json", "html"])
def test_both_files_are_published_as_they_were_built(stage: Stage, *, html: bool) -> None:
    stage.index.html = html
    assert stage.run() is None
    assert stage.index.hashes == stage.checkout.files
    said = stage.said()
    assert said.count("  upload: ") == 2
    assert f"uploading {stage.checkout.wheel.name} (1 kB)" in said
    assert f"as {USERNAME}, with the password from TWINE_PASSWORD" in said
    assert f"published: {stage.index.url} has {' and '.join(stage.index.files)}" in said


def test_the_wheel_goes_first(stage: Stage) -> None:
    assert stage.run() is None
    assert list(stage.index.files) == [stage.checkout.wheel.name, stage.checkout.sdist.name]


def test_what_is_there_is_skipped_and_no_token_is_needed_for_that(stage: Stage) -> None:
    assert stage.run() is None
    assert "skip, " not in stage.said()
    assert stage.run_as_it_is("--repository-url", stage.index.upload_url) is None
    assert stage.said().count("skip, already there: ") == 2
    assert stage.index.count("POST") == 2


def test_a_dry_run_says_what_would_go_where_and_uploads_nothing(stage: Stage) -> None:
    assert stage.run("--dry-run") is None
    said = stage.said()
    for name, digest in stage.checkout.files.items():
        assert f"  upload: {name} {digest}" in said
    assert f"thing 1.0 from {stage.checkout.dist} to {stage.index.upload_url}" in said
    assert f"index: {stage.index.url}" in said
    assert "dry run: nothing uploaded" in said
    assert stage.index.count("POST") == 0
    assert stage.index.files == {}


def test_an_upload_gets_the_time_that_the_environment_sets(stage: Stage) -> None:
    def hang(_arguments: object, _environment: object, seconds: float) -> None:
        raise subprocess.TimeoutExpired("twine", seconds)

    stage.environment.setattr(upload, "run_twine", hang)
    stage.environment.setenv("PUBLISH_UPLOAD_TIMEOUT", "7")
    assert stage.run() == "upload-failed"
    assert "was not done after 7 s" in stage.said()


def test_a_dry_run_finds_out_that_there_is_no_token(stage: Stage) -> None:
    assert (
        stage.run_as_it_is("--repository-url", stage.index.upload_url, "--dry-run")
        == "no-credentials"
    )


def test_the_environment_names_the_target_as_it_does_for_twine(stage: Stage) -> None:
    stage.environment.setenv("TWINE_REPOSITORY_URL", stage.index.upload_url)
    stage.environment.setenv("TWINE_USERNAME", USERNAME)
    stage.environment.setenv("TWINE_PASSWORD", PASSWORD)
    assert stage.run_as_it_is() is None
    assert stage.index.hashes == stage.checkout.files


def test_a_section_of_pypirc_names_target_user_and_password(stage: Stage) -> None:
    Path(os.environ["HOME"], ".pypirc").write_text(
        "[distutils]\nindex-servers = local\n"
        f"[local]\nrepository = {stage.index.upload_url}\n"
        f"username = {USERNAME}\npassword = {PASSWORD}\n"
    )
    assert stage.run_as_it_is("--repository", "local") is None
    assert stage.index.hashes == stage.checkout.files
    assert f"as {USERNAME}, with the password from .pypirc" in stage.said()


def test_help_names_the_session_and_its_options(stage: Stage) -> None:
    with pytest.raises(SystemExit):
        stage.run("--help")
    said = stage.said()
    assert "usage: nox -s publish -- " in said
    assert "Publish the release in DIST_DIR" in said
    for option in ("--dry-run", "--untagged", "--repository NAME", "--repository-url URL"):
        assert option in said


def test_dist_dir_names_the_folder(stage: Stage, tmp_path: Path) -> None:
    elsewhere = stage.checkout.dist.rename(tmp_path / "elsewhere")
    stage.environment.setenv("DIST_DIR", str(elsewhere))
    assert stage.run() is None
    assert len(stage.index.files) == 2


def test_an_index_on_the_ipv6_loopback_is_as_good(stage: Stage) -> None:
    url = "http://[::1]:9/"
    assert stage.run_as_it_is("--repository-url", url, "--index-url", url) == "index-unreachable"
    assert url in stage.said()


# --- the two builds ------------------------------------------------------------------------------


def test_files_that_neither_build_made_are_refused_before_any_request(stage: Stage) -> None:
    for name in ("CHECK_DIST_SHA256", "BUILD_DIST_SHA256"):
        stage.environment.setenv(name, file_sha256(stage.checkout.dist / NAME))
    assert stage.run("--dry-run") is None
    stage.index.asked.clear()
    stage.change_the_wheel()
    write_manifest(stage.checkout.dist)
    assert stage.run() == "witnesses-disown"
    assert stage.nothing_was_asked()


def test_the_builds_are_compared_with_each_other_before_anything_else(stage: Stage) -> None:
    stage.environment.setenv("CHECK_DIST_SHA256", "0" * 64)
    stage.environment.setenv("BUILD_DIST_SHA256", "1" * 64)
    stage.change_the_wheel()
    assert stage.run_as_it_is("--repository-url", "malformed") == "witnesses-differ"


# --- the distributions and the commit ------------------------------------------------------------


def test_a_wheel_that_was_changed_is_refused_by_the_manifest(stage: Stage) -> None:
    stage.change_the_wheel()
    assert stage.run() == "manifest-differs"
    assert stage.nothing_was_asked()


def test_a_changed_wheel_with_a_changed_manifest_is_refused_by_what_the_index_has(
    stage: Stage,
) -> None:
    assert stage.run() is None
    before = stage.index.hashes
    stage.change_the_wheel()
    write_manifest(stage.checkout.dist)
    assert stage.run() == "index-differs"
    assert stage.index.count("POST") == 2
    assert stage.index.hashes == before


def test_one_file_that_differs_stops_the_other_one_too(stage: Stage) -> None:
    stage.index.files[stage.checkout.wheel.name] = b"another wheel"
    assert stage.run() == "index-differs"
    assert stage.index.count("POST") == 0
    said = stage.said()
    assert (
        f"{stage.checkout.wheel.name} has sha256 {answers.sha256(b'another wheel')} there" in said
    )
    assert f"{stage.checkout.files[stage.checkout.wheel.name]} here" in said


def test_a_file_of_this_version_that_is_not_of_this_release_is_refused(stage: Stage) -> None:
    stage.index.files["thing-1.0-py2-none-any.whl"] = b""
    assert stage.run() == "index-differs"
    assert stage.index.count("POST") == 0
    assert "thing-1.0-py2-none-any.whl is there and not here" in stage.said()


def test_files_of_other_versions_are_none_of_its_business(stage: Stage) -> None:
    stage.index.files |= {"thing-0.9-py3-none-any.whl": b"", "thing-1.0.post1.tar.gz": b""}
    assert stage.run() is None
    assert len(stage.index.files) == 4


def test_distributions_of_another_package_than_the_checkout_s_are_refused(
    stage: Stage, tmp_path: Path
) -> None:
    other = make_checkout(tmp_path / "other", name="another")
    stage.environment.setenv("DIST_DIR", str(other.dist))
    assert stage.run() == "another-release"
    assert stage.nothing_was_asked()


def test_a_tree_that_differs_from_the_commit_is_refused(stage: Stage) -> None:
    (stage.checkout.root / "new.py").write_text("")
    assert stage.run() == "tree-dirty"
    (stage.checkout.root / "new.py").unlink()
    (stage.checkout.root / "pyproject.toml").write_text(
        (stage.checkout.root / "pyproject.toml").read_text() + "# changed\n"
    )
    assert stage.run() == "tree-dirty"
    assert stage.nothing_was_asked()


@pytest.mark.parametrize(
    "name",
    [
        "ci/index/__pycache__/credentials.cpython-312.pyc",
        "__pycache__/x",
        "ci/errors.pyc",
        "keyring.PYO",
        "docs.dist-info/entry_points.txt",
        "src/thing.egg-info/PKG-INFO",
    ],
)
def test_a_commit_that_hides_code_is_refused(stage: Stage, name: str) -> None:
    stage.checkout.commit({name: "x"})
    assert stage.run() == "hidden-code"
    assert name in stage.said()
    assert stage.nothing_was_asked()


@pytest.mark.parametrize(
    ("more", "rule"),
    [
        ({"thing/__init__.py": "evil = True\n"}, "not-committed"),
        ({"thing/evil.py": ""}, "untracked"),
        ({"evil.pth": "import evil"}, "untracked"),
        ({"thing-1.0.data/scripts/pip": ""}, "data-folder"),
        ({"thing-1.0.dist-info/entry_points.txt": "[console_scripts]\npip=a\n"}, "entry-points"),
    ],
)
def test_a_wheel_that_differs_from_the_commit_is_refused(
    stage: Stage, more: dict[str, str], rule: str
) -> None:
    stage.checkout.repack_the_wheel(more)
    write_manifest(stage.checkout.dist)
    assert stage.run() == "gates"
    assert f"[{rule}]" in stage.said()
    assert stage.nothing_was_asked()


def test_an_sdist_that_differs_from_the_commit_is_refused(stage: Stage) -> None:
    stage.checkout.commit({"src/thing/__init__.py": '__version__ = "1.0"  # newer\n'})
    assert stage.run() == "gates"
    assert "thing-1.0.tar.gz: src/thing/__init__.py: it differs from src/thing" in stage.said()
    assert stage.nothing_was_asked()


def test_files_that_are_only_named_like_hidden_code_pass(stage: Stage) -> None:
    names = ("a.pyc.md", "dist-info/x", "x.pyi", "my__pycache__.py")
    stage.checkout.commit(dict.fromkeys(names, ""))
    assert stage.run() is None


# --- the tag -------------------------------------------------------------------------------------

REAL = ("--repository-url", "https://index.invalid/", "--index-url")  # which resolves to nothing


@pytest.mark.parametrize(
    ("tags", "release_tag", "arguments", "code"),
    [
        ([], None, [], "no-tag"),
        ([], None, ["--dry-run"], "no-tag"),
        ([], None, ["--untagged"], None),
        (["v1.0"], None, [], None),
        (["v1.0.0"], None, [], None),
        (["v1.0", "v0.9"], None, [], None),
        (["v1.1"], None, [], "tag-version"),
        (["v1.1"], None, ["--untagged"], None),
        (["v1.0"], "v1.0", [], None),
        (["v1.0", "v1.1"], "v1.1", [], "tag-version"),
        (["v1.1"], "v1.1", ["--untagged"], "tag-version"),
        ([], "v1.0", ["--untagged"], "tag-unknown"),
        (["nightly"], None, [], "tag-form"),
    ],
)
def test_a_real_index_gets_the_commit_that_is_tagged_with_the_version(
    stage: Stage, tags: list[str], release_tag: str | None, arguments: list[str], code: str | None
) -> None:
    for tag in tags:
        stage.checkout.git("tag", tag)
    if release_tag:
        stage.environment.setenv("RELEASE_TAG", release_tag)
    ended = stage.run_as_it_is(*REAL, stage.index.url, *arguments)
    assert ended == (code or "no-credentials")
    assert stage.nothing_was_asked() == bool(code)


def test_a_tag_elsewhere_than_at_the_commit_is_none(stage: Stage) -> None:
    stage.checkout.git("tag", "v1.0")
    stage.checkout.commit({"notes": "more"})
    assert stage.run_as_it_is(*REAL, stage.index.url) == "no-tag"
    stage.environment.setenv("RELEASE_TAG", "v1.0")
    assert stage.run_as_it_is(*REAL, stage.index.url) == "tag-elsewhere"
    assert stage.run() == "tag-elsewhere"


def test_a_local_index_asks_for_no_tag_unless_one_is_named(stage: Stage) -> None:
    stage.checkout.git("tag", "v1.1")
    assert stage.run() is None
    stage.environment.setenv("RELEASE_TAG", "v1.1")
    assert stage.run() == "tag-version"


# --- what the index answers ----------------------------------------------------------------------


def test_a_wrong_token_is_refused_with_what_to_do_and_not_tried_again(stage: Stage) -> None:
    stage.environment.setenv("TWINE_USERNAME", USERNAME)
    stage.environment.setenv("TWINE_PASSWORD", "pypi-" + "B" * 40)
    assert stage.run_as_it_is("--repository-url", stage.index.upload_url) == "upload-refused"
    assert stage.index.count("POST") == 1
    assert stage.index.files == {}
    said = stage.said()
    assert "Invalid or non-existent authentication information." in said
    assert "use a token that can upload this project" in said


def test_the_reason_is_the_index_s_own(stage: Stage) -> None:
    stage.index.play([answering(400, "<p>Description is\n too <b>long</b>\x1b[31m")])
    assert stage.run() == "upload-refused"
    said = stage.said()
    assert "400 BAD REQUEST Description is too long" in said
    assert "\x1b" not in said
    assert f"refuses {stage.checkout.wheel.name}" in said


def test_an_index_that_echoes_the_token_is_not_quoted(stage: Stage) -> None:
    stage.index.play([answers.echo_the_authorization])
    assert stage.run() == "upload-refused"
    assert WITHHELD in stage.said()


def test_a_listing_that_echoes_the_token_is_not_quoted(stage: Stage) -> None:
    name = f"thing-1.0-1{PASSWORD[5:]}-py3-none-any.whl"
    found = listing(lambda _: {name: "1" * 64})
    stage.index.play(reads=[answers.usual, found])
    stage.index.files["thing-0.9.tar.gz"] = b""
    stage.index.play(uploads=[answering(500)], reads=[answers.usual, found])
    assert stage.run() == "index-differs"
    assert WITHHELD in stage.said()


@dataclass(frozen=True)
class Case:
    """What the index does to uploads and to reads, and the code that the command ends with."""

    name: str
    uploads: Iterable[Answer] = ()
    reads: Iterable[Answer] = ()
    code: str | None = None
    posts: int = 2
    lag: int = 0
    said: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)


broken = answering(500)
exists = answering(409, "thing-1.0-py3-none-any.whl already exists")
no_hashes = listing(lambda hashes: dict.fromkeys(hashes, ""))
bad_hashes = listing(lambda hashes: dict.fromkeys(hashes, "no-hash"))
other_hashes = listing(lambda hashes: dict.fromkeys(hashes, "0" * 64))
capital_hashes = listing(lambda hashes: {name: digest.upper() for name, digest in hashes.items()})
ONCE = [answers.usual]
# Twine itself tries a 5xx five times; publish tries that five times.
CASES = [
    Case("500, then fine", uploads=[broken], posts=3),
    Case("500 for ever", uploads=for_ever(broken), code="upload-failed", posts=25),
    Case("500 halfway", uploads=[*ONCE, *[broken] * 25], code="upload-failed", posts=26),
    Case("500 although it has arrived", uploads=[accept_and_answer(500)], posts=3),
    Case(
        "429, then fine",
        uploads=[answering(429), answering(408)],
        posts=4,
        said=("attempt 2 of 5", "attempt 3 of 5"),
    ),
    Case("429 although it has arrived", uploads=[accept_and_answer(429)]),
    Case(
        "429 although it has arrived, and then no listing",
        uploads=[accept_and_answer(429)],
        reads=[*ONCE * 2, *[answering(404)] * 99],
        code="not-indexed",
    ),
    Case("429, and no listing", uploads=[answering(429)], reads=[*ONCE, broken], posts=3),
    Case(
        "429, and somebody else was faster",
        uploads=[*ONCE, answering(429)],
        reads=[*ONCE, other_hashes],
        code="index-differs",
    ),
    Case("429 for ever", uploads=for_ever(answering(429)), code="upload-failed", posts=5),
    Case("400", uploads=[answering(400, "no")], code="upload-refused", posts=1),
    Case("401", uploads=[answering(401)], code="upload-refused", posts=1, said=("valid token",)),
    Case("403", uploads=[answering(403)], code="upload-refused", posts=1),
    Case("404", uploads=[answering(404)], code="upload-refused", posts=1, said=("takes uploads",)),
    Case("405", uploads=[answering(405)], code="upload-refused", posts=1, said=("takes uploads",)),
    Case("409", uploads=[answering(409)], code="upload-refused", posts=1),
    Case("413", uploads=[*ONCE, answering(413)], code="upload-refused", said=("smaller",)),
    Case("418", uploads=[answering(418)], code="upload-refused", posts=1),
    Case("499", uploads=[answering(499)], code="upload-refused", posts=1),
    Case("409 that claims it exists", uploads=[exists], code="exists-unseen", posts=2),
    Case(
        "both exist, it claims, and one does",
        uploads=[accept_and_answer(409, "File already exist."), exists],
        code="exists-unseen",
        said=("says that it has thing-1.0.tar.gz, but does not show it",),
    ),
    Case(
        "a 403 that claims it exists",
        uploads=[answering(403, "already exists")],
        code="upload-refused",
        posts=1,
    ),
    Case(
        "it exists, and the index lags",
        uploads=[accept_and_answer(409, "File already exist.")],
        lag=3,
    ),
    Case(
        "a redirect",
        uploads=[answering(302, Location="/elsewhere")],
        code="twine-failed",
        posts=1,
    ),
    Case("a listing that lags", lag=5, said=("does not show", "(waited 2 of 900 s)")),
    Case("a listing that lags for ever", lag=10_000, code="not-indexed"),
    Case("no listing after the upload", reads=[*ONCE, *[broken] * 3]),
    Case("a broken listing", reads=[broken, answering(503), answering(429)]),
    Case("no listing for ever", reads=for_ever(broken), code="index-unreachable", posts=0),
    Case("404 for ever", reads=for_ever(answering(404)), code="not-indexed"),
    Case(
        "a listing that is refused",
        reads=for_ever(answering(403)),
        code="index-access",
        posts=0,
        said=("UV_INDEX_<NAME>_PASSWORD", ".netrc"),
    ),
    Case("a listing that is wrong", for_ever(answering(410)), code="upload-refused", posts=1),
    Case("410 for ever", reads=for_ever(answering(410)), code="index-refuses", posts=0),
    Case(
        "a picture",
        reads=for_ever(answering(200, Content_Type="image/png")),
        posts=0,
        code="index-unreachable",
    ),
    Case(
        "garbled for ever",
        reads=for_ever(answering(200, "<", Content_Type=answers.JSON)),
        posts=0,
        code="index-unreachable",
    ),
    Case(
        "nested too deeply",
        reads=for_ever(answering(200, "[" * 100_000, Content_Type=answers.JSON)),
        posts=0,
        code="index-unreachable",
    ),
    Case("listing without hashes", reads=for_ever(no_hashes)),
    Case("listing with hashes that are none", reads=for_ever(bad_hashes)),
    Case("listing with capital hashes", reads=for_ever(capital_hashes)),
    Case("listing with other hashes", reads=for_ever(other_hashes), code="index-differs"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_answer_ends_in_the_right_files_or_in_its_reason_and_a_second_run_completes_it(
    case: Case, stage: Stage
) -> None:
    stage.index.lag = case.lag
    stage.index.play(case.uploads, case.reads)
    assert stage.run() == case.code
    said = stage.said()
    assert [text for text in case.said if text not in said] == []
    assert stage.index.count("POST") == case.posts
    assert stage.index.hashes.items() <= stage.checkout.files.items()
    assert case.code or stage.index.hashes == stage.checkout.files
    stage.index.play()
    stage.index.lag = 0
    stage.index.asked.clear()
    assert stage.run() is None or case.lag
    assert stage.index.hashes == stage.checkout.files


def test_the_index_is_waited_for_no_longer_than_is_said(stage: Stage) -> None:
    stage.index.lag = 10_000
    stage.environment.setenv("PUBLISH_WAIT", "100")
    assert stage.run() == "not-indexed"
    assert 70 < stage.clock.monotonic() <= 100
    assert max(stage.clock.slept) <= 30
    said = stage.said()
    assert "of 100 s)" in said
    assert "uploaded, but not yet on" in said
    assert "after 100 s" in said


def test_a_lagging_index_whose_claim_is_true_needs_no_second_run(stage: Stage) -> None:
    stage.index.files = {stage.checkout.wheel.name: stage.checkout.wheel.read_bytes()}
    stage.index.play(reads=[answering(404)])
    assert stage.run() is None
    assert stage.index.hashes == stage.checkout.files


def test_a_server_that_asks_to_be_left_alone_is_left_alone(stage: Stage) -> None:
    stage.index.play(reads=[answering(429, Retry_After="17"), answering(503, Retry_After="3600")])
    assert stage.run() is None
    assert stage.clock.slept[:2] == [17, 60]


def test_what_one_run_left_undone_the_next_one_completes(stage: Stage) -> None:
    stage.index.play(uploads=[answers.usual, answering(403)])
    assert stage.run() == "upload-refused"
    assert list(stage.index.files) == [stage.checkout.wheel.name]
    stage.index.asked.clear()
    assert stage.run() is None
    assert stage.index.count("POST") == 1


# --- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "value", "code"),
    [
        ("TWINE_REPOSITORY", "", "empty-option"),
        ("TWINE_REPOSITORY_URL", " ", "empty-option"),
        ("TWINE_REPOSITORY_URL", "http://[::1", "url-malformed"),
        ("TWINE_REPOSITORY_URL", "https://index.invalid:port/", "url-malformed"),
        ("TWINE_REPOSITORY_URL", "https:///path", "url-malformed"),
        ("TWINE_REPOSITORY_URL", "ftp://index.invalid/", "url-malformed"),
        ("TWINE_REPOSITORY_URL", "index", "url-malformed"),
        ("TWINE_REPOSITORY_URL", "http://index.invalid/", "url-not-encrypted"),
        ("PUBLISH_WAIT", "soon", "retry-setting"),
        ("PYPI_SECRET_ID", "", "empty-variable"),
        ("PYPI_SECRET_ID", PASSWORD, "token-as-name"),
        ("PYPI_SECRET_ID", f'{{"password": "{PASSWORD[5:]}"}}', "secret-id"),
        ("TWINE_USERNAME", "", "empty-variable"),
        ("TWINE_USERNAME", PASSWORD, "token-as-name"),
        ("TWINE_PASSWORD", "", "credentials-empty"),
    ],
)
def test_a_malformed_variable_is_one_clear_error(
    stage: Stage, variable: str, value: str, code: str
) -> None:
    stage.environment.setenv("TWINE_REPOSITORY_URL", stage.index.upload_url)
    stage.environment.setenv("TWINE_USERNAME", USERNAME)
    stage.environment.setenv(variable, value)
    assert stage.run_as_it_is() == code
    assert stage.index.count("POST") == 0
    stage.said()
