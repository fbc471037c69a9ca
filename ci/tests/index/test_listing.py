from __future__ import annotations

import itertools
import json
import re
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import pytest
from packaging.version import Version
from werkzeug import Response

from ci.distributions.manifest import read_release
from ci.errors import UserError
from ci.index import session
from ci.index.listing import Index, find_index, missing_files, wait_for_files
from ci.index.redaction import WITHHELD, Redactor
from ci.index.repository import Repository
from ci.index.retry import RetryPolicy, Transient
from ci.index.session import IndexSession
from ci.tests import fake_index as answers
from ci.tests.fake_index import answering, basic, listing, sha256
from ci.tests.told import code_of as told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_httpserver import HTTPServer
    from werkzeug import Request

    from ci.tests.checkouts import Checkout
    from ci.tests.conftest import Clock
    from ci.tests.fake_index import Answer, FakeIndex

ONE = Version("1.0")
POLICY = RetryPolicy(attempts=3)
NAME = "thing-1.0.tar.gz"
READER = ("reader", "correct horse battery staple")
for_ever = itertools.repeat

pytestmark = pytest.mark.usefixtures("clean_environment", "clock")


def reading(index: FakeIndex, auth: tuple[str, str] | None = None) -> Index:
    redactor = Redactor()
    if auth:
        redactor.hide(*auth)
    return Index(index.url, POLICY, print, auth, redactor=redactor)


def code_of(index: FakeIndex, *reads: Answer) -> str:
    index.play(reads=reads)
    with pytest.raises(UserError, match=index.url) as caught:
        reading(index).files("thing", ONE)
    return told(caught.value)


# --- finding it ----------------------------------------------------------------------------------


def candidates(index: FakeIndex, *names: str) -> Repository:
    return Repository(index.upload_url, tuple(index.server.url_for(f"/{name}/") for name in names))


def test_the_first_place_that_answers_is_the_index(index: FakeIndex) -> None:
    index.play(reads=[answering(404), answering(500), answering(405)])
    found = find_index(candidates(index, "a", "b", "simple", "c"), POLICY, print)
    assert found.url == index.server.url_for("/simple/")
    # A place that fails for now is asked again before it is passed over.
    assert [request.path for request in index.asked] == ["/a/", "/b/", "/b/", "/simple/"]


def test_a_place_that_is_the_only_one_is_not_asked_beforehand(index: FakeIndex) -> None:
    assert find_index(candidates(index, "x"), POLICY, print).url.endswith("/x/")
    assert index.asked == []


def test_where_no_place_answers_all_that_were_tried_are_named(index: FakeIndex) -> None:
    index.play(
        reads=[
            answering(404),
            answering(403),
            answering(200, "", Content_Type="image/png"),
            *[answering(500)] * 3,
        ]
    )
    with pytest.raises(UserError) as caught:
        find_index(candidates(index, *"abcd"), POLICY, print)
    assert told(caught.value) == "no-index"
    found = caught.value.found
    assert all(index.server.url_for(f"/{name}/") in found for name in "abcd")
    assert "/a/ is none" in found
    assert "/b/ answers 403 FORBIDDEN" in found
    assert "/c/ is none" in found
    assert "/d/ answers 500 INTERNAL SERVER ERROR" in found


@pytest.mark.parametrize(
    "kind", ["text/html; charset=utf-8", "application/vnd.pypi.simple.v1+html"]
)
def test_an_index_of_html_is_one(index: FakeIndex, kind: str) -> None:
    index.play(reads=[answering(200, "", Content_Type=kind)])
    assert reading(index).answers()


@pytest.mark.parametrize("status", [404, 405])
def test_where_nothing_can_be_read_there_is_no_index(index: FakeIndex, status: int) -> None:
    index.play(reads=[answering(status)])
    assert not reading(index).answers()


def test_every_request_says_what_it_takes_and_waits_only_so_long(
    index: FakeIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[object, object]] = []

    def send(self: IndexSession, request: object, **kwargs: object) -> object:
        sent.append((kwargs["timeout"], kwargs["stream"]))
        return original(self, request, **kwargs)  # type: ignore[arg-type]

    original = IndexSession.send
    monkeypatch.setattr(IndexSession, "send", send)
    index.files = {NAME: b""}
    asking = Index(index.url, RetryPolicy(request_timeout=7), print)
    assert asking.answers()
    asking.served("thing", ONE)
    assert sent == [(7, True), (7, False), (7, True)]
    for request in index.asked[:2]:
        assert answers.JSON in request.headers["Accept"]


# --- reading it ----------------------------------------------------------------------------------


@pytest.mark.parametrize("html", [False, True], ids=["json", "html"])
def test_the_files_of_a_version_come_with_the_hashes_of_the_page(
    index: FakeIndex, *, html: bool
) -> None:
    index.html = html
    index.files = {NAME: b"1", "thing-1.0-py3-none-any.whl": b"2", "thing-1.0.1.tar.gz": b"3"}
    assert reading(index).files("thing", ONE) == {
        NAME: sha256(b"1"),
        "thing-1.0-py3-none-any.whl": sha256(b"2"),
    }
    assert len(index.asked) == 1


def test_an_index_without_the_project_has_no_file_of_it(index: FakeIndex) -> None:
    assert reading(index).files("thing", ONE) == {}


def test_no_cache_on_the_way_may_answer(index: FakeIndex) -> None:
    reading(index).look("thing", ONE)
    assert index.asked[0].headers["Cache-Control"] == "no-cache"
    assert index.asked[0].path == "/simple/thing/"


def test_other_versions_and_files_that_are_no_distributions_are_passed_over(
    index: FakeIndex,
) -> None:
    names = [NAME, "thing-1.0.1.tar.gz", "thing-1.0.post1.tar.gz", "thing.txt", "thing-x.tar.gz"]
    names += (f"thing-{'9' * 5000}.tar.gz", "thing-1!1.0.tar.gz", "thing-1.0+local.tar.gz")
    index.files = dict.fromkeys(names, b"")
    assert reading(index).files("thing", ONE) == {NAME: sha256(b"")}
    index.files = {"thing-1.0.0.tar.gz": b"", "thing-v1.zip": b""}
    assert set(reading(index).files("thing", ONE)) == set(index.files)


@pytest.mark.parametrize("digest", ["", "0" * 63, "no hash", "é" * 64])
def test_a_file_whose_hash_the_page_does_not_say_is_downloaded_and_hashed(
    index: FakeIndex, digest: str
) -> None:
    index.files = {NAME: b"content"}
    index.play(reads=[listing(lambda hashes: dict.fromkeys(hashes, digest))])
    assert reading(index).files("thing", ONE) == {NAME: sha256(b"content")}
    assert index.asked[-1].path == f"/files/{NAME}"
    assert index.asked[-1].headers["Accept-Encoding"] == "identity"


def test_what_is_served_is_hashed_whatever_the_page_says(index: FakeIndex) -> None:
    index.files = {NAME: b"content"}
    index.play(reads=[listing(lambda hashes: dict.fromkeys(hashes, "0" * 64))])
    assert reading(index).served("thing", ONE) == {NAME: sha256(b"content")}


def test_a_file_that_the_page_names_twice_is_believed_only_if_both_agree(
    index: FakeIndex, checkout: Checkout
) -> None:
    release = read_release(checkout.dist)
    right = release.files[NAME]

    def twice(*digests: str) -> Answer:
        files = [
            {"filename": NAME, "url": NAME, "hashes": {"sha256": digest}} for digest in digests
        ]
        page = {"meta": {"api-version": "1.0"}, "name": "thing", "files": files}
        return answering(200, json.dumps(page), Content_Type=answers.JSON)

    index.play(reads=[twice(right, right), twice("0" * 64, right), twice(right, "0" * 64)])
    assert reading(index).look("thing", ONE) == {NAME: right}
    for _ in range(2):
        with pytest.raises(UserError, match=f"{'0' * 64}") as caught:
            missing_files(release, reading(index).look("thing", ONE), reading(index))
        assert told(caught.value) == "index-differs"


@pytest.mark.parametrize(
    ("reads", "code"),
    [
        ([answering(400)], "index-refuses"),
        ([answering(401)], "index-access"),
        ([answering(403)], "index-access"),
        ([answering(410)], "index-refuses"),
        ([answering(502)] * 3, "index-unreachable"),
        ([answering(200, Content_Type="image/png")] * 3, "index-unreachable"),
        ([answering(200, "<", Content_Type=answers.JSON)] * 3, "index-unreachable"),
        ([answering(200, "[]", Content_Type=answers.JSON)] * 3, "index-unreachable"),
        ([answering(200, "[" * 99_999, Content_Type=answers.JSON)] * 3, "index-unreachable"),
        (
            [answering(200, '{"meta":{"api-version":"9.0"}}', Content_Type=answers.JSON)] * 3,
            "index-unreachable",
        ),
        ([answering(302, Location="http://[::1/")] * 3, "index-unreachable"),
        ([answering(302, Location="ftp://127.0.0.1/")] * 3, "index-unreachable"),
    ],
)
def test_an_index_that_can_not_be_read_is_named(
    index: FakeIndex, reads: list[Answer], code: str
) -> None:
    assert code_of(index, *reads) == code
    assert len(index.asked) == len(reads)


def test_what_went_wrong_is_named_by_its_kind(index: FakeIndex) -> None:
    index.play(reads=[answering(200, "<", Content_Type=answers.JSON)])
    with pytest.raises(Transient, match=r"JSONDecodeError: Expecting value"):
        reading(index).look("thing", ONE)


def test_a_redirect_without_end_is_no_traceback(index: FakeIndex) -> None:
    index.play(reads=for_ever(answering(302, Location="/simple/thing/")))
    with pytest.raises(UserError, match="answers 302 FOUND"):
        reading(index).files("thing", ONE)


def test_an_index_that_is_not_there_is_unreachable() -> None:
    with pytest.raises(UserError, match=r"http://\[::1\]:9/") as caught:
        Index("http://[::1]:9/", POLICY, print).files("thing", ONE)
    assert told(caught.value) == "index-unreachable"


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_file_that_is_not_served_yet_can_be_asked_for_again(
    index: FakeIndex, status: int
) -> None:
    index.files = {NAME: b""}
    index.play(reads=[answers.usual, answering(status)])
    with pytest.raises(Transient, match=f"files/{NAME} answers {status}"):
        reading(index).served("thing", ONE)


def test_a_file_that_can_not_be_had_is_named(index: FakeIndex) -> None:
    index.files = {NAME: b""}
    index.play(reads=[answers.usual, answering(410)])
    with pytest.raises(UserError, match=f"files/{NAME} answers 410") as caught:
        reading(index).served("thing", ONE)
    assert told(caught.value) == "index-refuses"


@pytest.mark.parametrize("page", [True, False], ids=["page", "file"])
@pytest.mark.parametrize("status", [200, 302])
def test_an_answer_that_drips_is_not_waited_for(
    index: FakeIndex, *, page: bool, status: int
) -> None:
    over = Event()

    def drip(_: FakeIndex, _request: Request) -> Response:
        def bytewise() -> Iterator[bytes]:
            while not over.wait(0.02):
                yield b" "

        elsewhere = {"Location": "http://127.0.0.1:9/"}
        return Response(bytewise(), status, elsewhere, mimetype=answers.JSON)

    index.files = {NAME: b""}
    index.play(reads=[drip] if page else [answers.usual, drip])
    policy = replace(POLICY, request_timeout=5, upload_timeout=0.2)
    with pytest.raises(Transient, match=rf"{index.server.url_for('/')}\S+: no whole answer within"):
        Index(index.url, policy, print).served("thing", ONE)
    over.set()


def test_an_answer_without_end_does_not_fill_the_memory(
    index: FakeIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_LONGEST", 1_000_000)

    def endless(_: FakeIndex, _request: Request) -> Response:
        return Response(for_ever(b" " * 65_536), mimetype=answers.JSON)

    assert code_of(index, *[endless] * 3) == "index-unreachable"
    assert len(index.asked) == 3


def test_a_redirect_of_a_download_does_not_fill_the_memory(
    index: FakeIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_LONGEST", 1_000_000)
    index.files = {NAME: b""}

    def long(_: FakeIndex, request: Request) -> Response:
        assert request.path.startswith("/files/")
        return Response([bytes(65_536)] * 40, status=302, headers={"Location": index.url})

    index.play(reads=[answers.usual, long])
    with pytest.raises(Transient, match="the answer has more than 1,000,000 bytes"):
        reading(index).served("thing", ONE)


def test_a_download_may_not_go_on_for_ever(index: FakeIndex, clock: Clock) -> None:
    def drip(_: FakeIndex, request: Request) -> Response:
        assert request.path.startswith("/files/")

        def chunks() -> object:
            while True:
                clock.slept.append(1)
                yield b"x" * 65_536

        return Response(chunks())  # type: ignore[arg-type]

    index.files = {NAME: b""}
    index.play(reads=[answers.usual, drip])
    policy = replace(POLICY, upload_timeout=10)
    with pytest.raises(Transient, match="too slow a download"):
        Index(index.url, policy, print).served("thing", ONE)


def test_certificates_are_checked_against_those_that_were_named(
    index: FakeIndex, clean_environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = tmp_path / "other.pem"
    other.write_text("")
    clean_environment.setenv("REQUESTS_CA_BUNDLE", str(other))
    url = index.url.replace("http:", "https:")
    with pytest.raises(UserError, match=r" none\.pem") as caught:
        Index(url, POLICY, print, ca_cert="none.pem").files("thing", ONE)
    assert told(caught.value) == "index-unreachable"
    with pytest.raises(UserError, match=re.escape(f" {Path.home()}/none.pem")):
        Index(url, POLICY, print, ca_cert="~/none.pem").files("thing", ONE)


# --- what it may know, and what is shown of what it says -----------------------------------------


def test_user_and_password_go_to_the_index(index: FakeIndex) -> None:
    index.files = {NAME: b""}
    reading(index, READER).served("thing", ONE)
    assert [request.headers["Authorization"] for request in index.asked] == [basic(*READER)] * 2
    assert reading(index, READER).answers()
    assert index.asked[-1].headers["Authorization"] == basic(*READER)
    assert READER[1] not in repr(reading(index, READER))


def test_user_and_password_do_not_go_where_the_listing_points(
    index: FakeIndex, elsewhere: HTTPServer
) -> None:
    thief = FakeThief(elsewhere)
    index.files = {NAME: b""}
    index.links = elsewhere.url_for("/")
    reading(index, READER).served("thing", ONE)
    assert thief.got == [(f"/{NAME}", None)]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_user_and_password_do_not_go_where_a_redirect_points(
    index: FakeIndex, elsewhere: HTTPServer, status: int
) -> None:
    thief = FakeThief(elsewhere)
    index.files = {NAME: b""}
    away = answering(status, Location=elsewhere.url_for("/away"))
    index.play(reads=[away, answers.usual, away, away])
    with pytest.raises((UserError, Transient)):
        reading(index, READER).look("thing", ONE)
    reading(index, READER).served("thing", ONE)
    reading(index, READER).answers()
    assert thief.got == [("/away", None)] * 3


def test_user_and_password_come_back_with_a_redirect_to_the_index(
    index: FakeIndex, elsewhere: HTTPServer
) -> None:
    index.files = {NAME: b""}
    thief = FakeThief(elsewhere, back=f"{index.url}thing/")
    index.play(reads=[answering(302, Location=elsewhere.url_for("/away"))])
    assert reading(index, READER).look("thing", ONE)
    assert thief.got == [("/away", None)]
    assert index.asked[-1].headers["Authorization"] == basic(*READER)


def test_the_netrc_of_another_host_stays_at_home(
    index: FakeIndex, elsewhere: HTTPServer, tmp_path: Path
) -> None:
    netrc = tmp_path / "home/.netrc"
    netrc.write_text("machine 127.0.0.1 login me password word\n")
    netrc.chmod(0o600)
    thief = FakeThief(elsewhere)
    index.files = {NAME: b""}
    index.links = elsewhere.url_for("/")
    index.play(reads=[answers.usual, answers.usual])
    reading(index).served("thing", ONE)
    index.play(reads=[answering(302, Location=elsewhere.url_for("/away"))])
    with pytest.raises(Transient):
        reading(index).look("thing", ONE)
    assert [sent for _, sent in thief.got] == [None, None]


class FakeThief:
    """A server that notes which credentials reach it."""

    def __init__(self, server: HTTPServer, back: str | None = None) -> None:
        self.got: list[tuple[str, str | None]] = []

        def answer(request: Request) -> Response:
            self.got.append((request.path, request.headers.get("Authorization")))
            return Response(status=302, headers={"Location": back}) if back else Response("stolen")

        server.expect_request(answers.ANYWHERE).respond_with_handler(answer)


@pytest.mark.parametrize("url", ["http://index.invalid/", "http://192.0.2.1/"])
def test_plain_http_is_refused_wherever_the_index_points(index: FakeIndex, url: str) -> None:
    index.files = {NAME: b""}
    index.play(reads=[answering(302, Location=url)])
    with pytest.raises(UserError, match=f"{url} is not HTTPS"):
        reading(index).look("thing", ONE)
    index.links = url
    index.play()
    with pytest.raises(UserError, match=f"{url}{NAME} is not HTTPS") as caught:
        reading(index).served("thing", ONE)
    assert told(caught.value) == "url-not-encrypted"


def test_plain_http_with_the_password_in_it_is_refused_and_not_shown(index: FakeIndex) -> None:
    shown = reading(index, ("me", "sesame-sesame"))
    index.play(reads=[answering(302, Location="http://index.invalid/sesame-sesame/")])
    with pytest.raises(UserError) as caught:
        shown.look("thing", ONE)
    assert told(caught.value) == "url-not-encrypted"
    assert "sesame" not in str(caught.value)


def echoing(status: int, text: str) -> Answer:
    """An answer whose reason says that."""

    def answer(*_: object) -> Response:
        return Response(status=f"{status} {text}")

    return answer


@pytest.mark.parametrize("status", [400, 401])
def test_a_reason_is_shown_unless_it_quotes_the_password(index: FakeIndex, status: int) -> None:
    for text, shown in (
        ("Too \x1b[31mbad", r"Too \x1b[31mbad"),
        (f"no {READER[1]}", WITHHELD),
        (basic(*READER), WITHHELD),
    ):
        index.play(reads=[echoing(status, text)])
        with pytest.raises(UserError) as caught:
            reading(index, READER).files("thing", ONE)
        assert caught.value.found == f"{index.url} answers {status} {shown}"


def test_what_passes_and_what_is_downloaded_quotes_no_password_either(index: FakeIndex) -> None:
    index.play(reads=[echoing(500, READER[1])])
    with pytest.raises(Transient, match="answers 500") as caught:
        reading(index, READER).look("thing", ONE)
    assert WITHHELD in str(caught.value)
    index.files = {NAME: b""}
    index.links = index.server.url_for("/") + "correct horse battery staple/"
    index.play(reads=[answers.usual, answering(410)])
    with pytest.raises(UserError) as refused:
        reading(index, READER).served("thing", ONE)
    assert WITHHELD in refused.value.found
    index.play(reads=[answering(200, "", Content_Type=READER[1])])
    with pytest.raises(Transient) as unread:
        reading(index, READER).look("thing", ONE)
    assert WITHHELD in str(unread.value)


def test_a_user_name_that_is_the_token_is_hidden(index: FakeIndex) -> None:
    redactor = Redactor()
    auth = (READER[1], "")
    repository = Repository("", (index.url,), {index.url: auth})
    assert find_index(repository, POLICY, print, redactor).auth == auth
    assert redactor.quote(f"who is {READER[1]}?") == WITHHELD


def test_the_password_of_a_repository_s_index_is_sent_and_hidden(index: FakeIndex) -> None:
    redactor = Redactor()
    repository = Repository("", (index.url,), {index.url: READER, "https://x.invalid/": ("", "")})
    find_index(repository, POLICY, print, redactor).files("thing", ONE)
    assert index.asked[-1].headers["Authorization"] == basic(*READER)
    assert redactor.quote(READER[1]) == WITHHELD
    assert redactor.quote(READER[0]) == READER[0]


# --- comparing it --------------------------------------------------------------------------------


def test_differences_are_told_file_by_file(checkout: Checkout, index: FakeIndex) -> None:
    release = read_release(checkout.dist)
    shown = reading(index)
    assert missing_files(release, {}, shown) == [checkout.wheel.name, checkout.sdist.name]
    assert missing_files(release, {NAME: release.files[NAME]}, shown) == [checkout.wheel.name]
    assert missing_files(release, dict(release.files), shown) == []
    with pytest.raises(UserError) as caught:
        missing_files(release, {checkout.wheel.name: "0", "thing-1.0.zip": "1"}, shown)
    assert f"{index.url} already has a different thing 1.0: " in caught.value.found
    assert (
        f"{checkout.wheel.name} has sha256 0 there, {release.files[checkout.wheel.name]} here;"
        " thing-1.0.zip is there and not here" in caught.value.found
    )


def test_a_file_that_is_named_like_the_password_is_not_shown(
    checkout: Checkout, index: FakeIndex
) -> None:
    shown = reading(index, READER)
    with pytest.raises(UserError) as caught:
        missing_files(read_release(checkout.dist), {f"thing-1.0-{READER[1]}.zip": "1"}, shown)
    assert f"{WITHHELD} is there and not here" in caught.value.found
    assert READER[1] not in str(caught.value)


def test_an_index_with_too_many_other_files_is_told_in_part(
    checkout: Checkout, index: FakeIndex
) -> None:
    found = {f"thing-1.0-{number}-py3-none-any.whl": "0" for number in range(12)}
    with pytest.raises(UserError, match=r"; and 2 more: ") as caught:
        missing_files(read_release(checkout.dist), found, reading(index))
    assert caught.value.found.count(" is there and not here") == 10
    del found["thing-1.0-0-py3-none-any.whl"], found["thing-1.0-1-py3-none-any.whl"]
    with pytest.raises(UserError) as caught:
        missing_files(read_release(checkout.dist), found, reading(index))
    assert "more" not in caught.value.found


def test_waiting_ends_when_everything_is_there(checkout: Checkout, index: FakeIndex) -> None:
    release = read_release(checkout.dist)
    said: list[str] = []
    index.files = {name: (checkout.dist / name).read_bytes() for name in release.files}
    half = listing(lambda hashes: {NAME: hashes[NAME]})
    index.play(reads=[answering(404), answering(503), half])
    waiting = Index(index.url, RetryPolicy(pause=2, wait=100), said.append)
    assert wait_for_files(waiting, release) == []
    wheel = checkout.wheel.name
    assert said == [
        f"{index.url} does not show {wheel} and {NAME} yet (waited 0 of 100 s)",
        f"{index.url} answers 503 SERVICE UNAVAILABLE (waited 2 of 100 s)",
        f"{index.url} does not show {wheel} yet (waited 5 of 100 s)",
    ]


def test_waiting_ends_in_time_and_says_what_is_missing(
    checkout: Checkout, index: FakeIndex, clock: Clock
) -> None:
    release = read_release(checkout.dist)
    clock.slept.append(1000)  # when it begins
    waiting = Index(index.url, RetryPolicy(pause=2, wait=100), print)
    assert wait_for_files(waiting, release) == list(release.files)
    assert clock.slept[1:] == [2, 3, 4.5, 6.75, 10.125, 15.1875, 22.78125, 30]
    clock.slept.clear()
    assert wait_for_files(replace(waiting, retry=RetryPolicy(pause=2, wait=2)), release)
    assert clock.slept == [2]
    index.play(reads=for_ever(answering(500)))
    assert wait_for_files(replace(waiting, retry=RetryPolicy(wait=1)), release) == list(
        release.files
    )


def test_waiting_ends_at_once_for_what_will_never_be_right(
    checkout: Checkout, index: FakeIndex, clock: Clock
) -> None:
    index.files = {checkout.wheel.name: b"another"}
    with pytest.raises(UserError, match="already has a different thing"):
        wait_for_files(reading(index), read_release(checkout.dist))
    assert clock.slept == []
