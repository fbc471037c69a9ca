"""A vulnerability, an expired exception and a silent service are told apart; a clean set passes."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ci.dependencies import audit
from ci.dependencies.advisories import Vulnerability
from ci.dependencies.audit import Exemption, judge, read_exemptions
from ci.errors import UserError, exit_with
from ci.tests.checkouts import make_checkout
from ci.tests.dependencies.advisory_server import AdvisoryServer

if TYPE_CHECKING:
    from pytest_httpserver import HTTPServer

TODAY = dt.date(2026, 6, 30)
PIN = ("attrs", "22.1.0")
WHERE = {PIN: ["ci/locks/test.txt"], ("idna", "3.0"): ["ci/locks/test.txt"]}
HOLE = Vulnerability(PIN, ("PYSEC-1", "CVE-2026-1"), "a hole", ("22.2.0", "23.1.0"))
GROUPS = """
[dependency-groups]
test = ["attrs"]
"""


def exemption(*, until: dt.date = TODAY, name: str = "CVE-2026-1") -> Exemption:
    return Exemption(name, "we never call it", until)


def code_of(*exemptions: Exemption, found: tuple[Vulnerability, ...] = (HOLE,)) -> str:
    with pytest.raises(UserError) as raised:
        judge(found, WHERE, exemptions, TODAY)
    return raised.value.code


# --- what was found, and what is accepted --------------------------------------------------------


def test_nothing_found_and_nothing_accepted_passes(capsys: pytest.CaptureFixture[str]) -> None:
    judge([], WHERE, [], TODAY)
    assert capsys.readouterr().out == ""


def test_a_vulnerability_is_named_with_its_place_and_its_remedy(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(UserError, match=r"attrs 22\.1\.0 \(PYSEC-1\)") as raised:
        judge([HOLE], WHERE, [], TODAY)
    assert raised.value.code == "audit-vulnerable"
    out = capsys.readouterr().out
    assert "PYSEC-1: attrs 22.1.0 (ci/locks/test.txt): a hole" in out
    assert "fixed in 22.2.0 or 23.1.0; also known as CVE-2026-1" in out


@pytest.mark.parametrize("name", HOLE.ids)
def test_an_accepted_vulnerability_passes_under_any_of_its_ids_on_its_last_day(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    judge([HOLE], WHERE, [exemption(name=name)], TODAY)
    assert "accepted until 2026-06-30: we never call it" in capsys.readouterr().out


def test_an_exception_does_not_cover_another_vulnerability() -> None:
    other = Vulnerability(("idna", "3.0"), ("PYSEC-2",), "another", ())
    assert code_of(exemption(), found=(HOLE, other)) == "audit-vulnerable"


def test_a_day_after_its_last_an_exception_covers_nothing() -> None:
    assert code_of(exemption(until=TODAY - dt.timedelta(1))) == "audit-vulnerable"


def test_an_expired_exception_is_a_finding_though_nothing_is_vulnerable() -> None:
    ended = exemption(until=TODAY - dt.timedelta(1))
    assert code_of(ended, found=()) == "audit-exception"


def test_an_exception_that_is_not_needed_is_a_finding() -> None:
    assert code_of(exemption(), exemption(name="CVE-2026-9")) == "audit-exception"


# --- the form of an exception --------------------------------------------------------------------


def test_an_exception_has_an_id_a_reason_and_a_last_day() -> None:
    entry = {"id": "CVE-2026-1", "reason": "we never call it", "until": TODAY}
    assert read_exemptions([entry]) == [exemption()]


@pytest.mark.parametrize(
    "entry",
    [
        {"id": "CVE-2026-1", "until": TODAY},
        {"id": "CVE-2026-1", "reason": "  ", "until": TODAY},
        {"id": "", "reason": "because", "until": TODAY},
        {"reason": "because", "until": TODAY},
        {"id": "CVE-2026-1", "reason": "because"},
        {"id": "CVE-2026-1", "reason": "because", "until": "2026-06-30"},
        {"id": "CVE-2026-1", "reason": "because", "until": dt.datetime(2026, 6, 30, tzinfo=dt.UTC)},
        {"id": "CVE-2026-1", "reason": "because", "until": TODAY, "package": "attrs"},
        "CVE-2026-1",
    ],
)
def test_an_incomplete_exception_is_refused(entry: object) -> None:
    with pytest.raises(UserError, match="audit-exceptions") as raised:
        read_exemptions([entry])
    assert raised.value.code == "audit-exception-form"


# --- the whole -----------------------------------------------------------------------------------


@pytest.fixture
def service(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> AdvisoryServer:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    made = AdvisoryServer(httpserver)
    monkeypatch.setenv("AUDIT_URL", made.url)
    return made


@pytest.fixture
def dist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a wheel that needs iniconfig, in a checkout with locks."""
    made = make_checkout(tmp_path / "checkout", requires=("iniconfig==2.0.0",))
    monkeypatch.chdir(made.root)
    with Path("pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(GROUPS)
    locks = Path("ci/locks")
    locks.mkdir(parents=True)
    lock("test", "attrs==22.1.0", "iniconfig==2.0.0")
    lock("backend", "hatchling==1.27.0")
    return made.dist


def lock(group: str, *pinned: str) -> None:
    """Write a lock of these, as if attrs had brought them."""
    lines = [f"{pin} --hash=sha256:{'0' * 64}\n    # via attrs\n" for pin in pinned]
    Path(f"ci/locks/{group}.txt").write_text("".join(lines), encoding="utf-8")


def accept(text: str) -> None:
    """Set audit-exceptions in [tool.ci]."""
    with Path("pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(f"[tool.ci]\naudit-exceptions = [{text}]\n")


def outcome(dist: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit code, what was printed, and the error's code."""
    code = 0
    try:
        exit_with(lambda: audit.main([str(dist)]))
    except SystemExit as ended:
        code = int(str(ended.code))
    printed = capsys.readouterr()
    return code, printed.out, printed.err.partition("]")[0].removeprefix("error[")


def test_a_clean_set_passes_and_lists_licences(
    dist: Path, service: AdvisoryServer, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = outcome(dist, capsys)
    assert code == 0
    assert "iniconfig==2.0.0: MIT" in out
    assert "3 pins have no known vulnerability" in out
    assert set(service.asked) >= {PIN, ("hatchling", "1.27.0"), ("iniconfig", "2.0.0")}


def test_a_vulnerable_pin_of_a_lock_fails(
    dist: Path, service: AdvisoryServer, capsys: pytest.CaptureFixture[str]
) -> None:
    service.know(PIN, "PYSEC-1")
    code, out, error = outcome(dist, capsys)
    assert (code, error) == (1, "audit-vulnerable")
    assert "attrs 22.1.0 (ci/locks/test.txt)" in out


def test_a_vulnerable_dependency_of_the_wheel_fails(
    dist: Path, service: AdvisoryServer, capsys: pytest.CaptureFixture[str]
) -> None:
    service.know(("iniconfig", "2.0.0"), "PYSEC-1")
    code, out, error = outcome(dist, capsys)
    assert (code, error) == (1, "audit-vulnerable")
    assert "iniconfig 2.0.0 (ci/locks/test.txt, the wheel's dependencies)" in out


def test_an_accepted_vulnerability_passes(
    dist: Path, service: AdvisoryServer, capsys: pytest.CaptureFixture[str]
) -> None:
    service.know(PIN, "PYSEC-1")
    accept('{ id = "PYSEC-1", reason = "never called", until = 9999-12-31 }')
    code, out, _ = outcome(dist, capsys)
    assert code == 0
    assert "accepted until 9999-12-31: never called" in out


def test_an_expired_exception_fails(
    dist: Path, service: AdvisoryServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert service.url
    accept('{ id = "PYSEC-1", reason = "never called", until = 2020-12-31 }')
    assert outcome(dist, capsys)[::2] == (1, "audit-exception")


def test_an_exception_without_a_reason_fails_before_anybody_is_asked(
    dist: Path, service: AdvisoryServer, capsys: pytest.CaptureFixture[str]
) -> None:
    accept('{ id = "PYSEC-1", until = 9999-12-31 }')
    assert outcome(dist, capsys)[::2] == (1, "audit-exception-form")
    assert service.asked == []


def test_an_unreachable_service_has_an_error_of_its_own(
    dist: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("AUDIT_URL", "http://127.0.0.1:9")
    assert outcome(dist, capsys)[::2] == (1, "audit-source")


@pytest.mark.usefixtures("dist")
def test_what_has_no_version_is_named_as_not_audited(
    tmp_path: Path, service: AdvisoryServer, capsys: pytest.CaptureFixture[str]
) -> None:
    other = make_checkout(tmp_path / "other", name="other").wheel.as_uri()
    made = make_checkout(tmp_path / "another", requires=(f"other @ {other}",))
    code, out, _ = outcome(made.dist, capsys)
    assert code == 0
    assert f"not audited: other @ {other} (the wheel's dependencies)" in out
    assert "other" not in {name for name, _ in service.asked}


def test_a_stale_lock_is_not_audited(
    dist: Path, service: AdvisoryServer, capsys: pytest.CaptureFixture[str]
) -> None:
    lock("test", "iniconfig==2.0.0")
    assert outcome(dist, capsys)[::2] == (1, "stale-lock")
    assert service.asked == []
