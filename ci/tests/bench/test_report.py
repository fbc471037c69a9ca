"""The figures: medians, paired ratios, shares, growth, the picture, and the page."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest

from ci.errors import UserError
from ci.tests.bench import report
from ci.tests.bench.contenders import CONTENDERS
from ci.tests.bench.growth import Growth
from ci.tests.bench.measure import Bar, Run
from ci.tests.bench.picture import picture, tick

if TYPE_CHECKING:
    from pathlib import Path

BARS = (Bar("wheel", 0.4, 1.0), Bar("lint", 0.4, 2.0), Bar("tests-3.8", 1.0, 9.0))
PR, TOX = CONTENDERS[:2]


def runs(*seconds: float) -> list[Run]:
    return [Run(each, each / 2) for each in seconds]


def test_the_median_run_is_one_that_was_made() -> None:
    made = runs(3, 1, 2, 9)
    assert report.median_run(made) is made[2]


def test_a_ratio_is_that_of_runs_in_the_same_turn() -> None:
    assert report.paired_ratio(runs(10, 30, 100), runs(10, 10, 100)) == 1


def test_a_row_has_median_noise_processor_memory_and_ratio() -> None:
    table = report.comparison({PR: runs(9, 10, 12), TOX: runs(10, 10, 10)}, {PR: 2**30, TOX: 0})
    ours, theirs = table.rows
    assert ours[1:] == ("10.0", "9.0-12.0", "5.0", "1024", "1.00")
    assert theirs[1:] == ("10.0", "10.0-10.0", "5.0", "0", "")


def test_the_slowest_pytest_is_read_from_the_reports(tmp_path: Path) -> None:
    assert report.slowest_pytest(tmp_path) == 0
    for python, seconds in (("3.8", 7.25), ("3.12", 6.5)):
        text = f'<testsuites><testsuite name="pytest" time="{seconds}"/></testsuites>'
        (tmp_path / f"junit-tests-{python}.xml").write_text(text)
    assert report.slowest_pytest(tmp_path) == 7.25


def test_a_ratio_is_left_out_where_tox_was_not_measured() -> None:
    assert report.comparison({PR: runs(9)}, {PR: 0}).rows[0][-1] == ""


def test_shares_of_the_critical_path_add_up() -> None:
    table = report.shares(Run(10.0, 5.0, bars=BARS))
    assert table.rows == (
        ("wheel", "0.4", "0.6", "6%"),
        ("lint", "0.4", "1.6", ""),
        ("tests-3.8", "1.0", "8.0", "80%"),
        ("nox itself", "", "1.4", "14%"),
    )


def test_growth_compares_each_size_with_the_one_before() -> None:
    grown = [
        Growth("tests", 10, "nox -s tests", 2.0, 1.0),
        Growth("tests", 1000, "nox -s tests", 3.0, 4.0),
        Growth("modules", 1, "nox -s pr", 5.0, 6.0),
    ]
    assert [row[3:] for row in report.growth_table(grown).rows] == [
        ("2.0", "1.0", "", "", ""),
        ("3.0", "4.0", "100", "1.5", "4.0"),
        ("5.0", "6.0", "", "", ""),
    ]


def test_the_machine_is_described_without_a_name() -> None:
    assert " cores, " in report.machine()
    assert " GiB of memory, " in report.machine()


@pytest.mark.parametrize(("seconds", "step"), [(0, 0.0001), (9, 1), (14, 2), (48, 5), (600, 100)])
def test_the_axis_has_round_steps(seconds: float, step: float) -> None:
    assert tick(seconds) == pytest.approx(step)


def test_the_picture_has_a_bar_a_session_and_the_critical_ones_are_dark() -> None:
    root = ET.fromstring(picture(BARS, 10.0, "nox -s pr"))  # noqa: S314 - made here
    space = "{http://www.w3.org/2000/svg}"
    bars = root.findall(f"{space}rect")
    assert [bar.get("class") for bar in bars] == ["bar critical", "bar", "bar critical"]
    x, widths = [[float(bar.get(key) or 0) for bar in bars] for key in ("x", "width")]
    assert x == sorted(x)
    assert widths[2] == pytest.approx(widths[0] * 8 / 0.6, abs=1)
    texts = [text.text for text in root.findall(f"{space}text")]
    assert {"wheel", "lint", "tests-3.8", "8.0 s", "nox -s pr"} <= set(texts)


def test_a_section_of_the_page_is_replaced_and_no_other(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    marks = "<!-- bench {0}: begin -->\n{1}<!-- bench {0}: end -->\n"
    page.write_text("head\n" + marks.format("a", "old\n") + marks.format("b", "kept\n"))
    report.write_section(page, "a", "new\n")
    assert page.read_text() == "head\n" + marks.format("a", "new\n") + marks.format("b", "kept\n")
    with pytest.raises(UserError, match="no section c") as raised:
        report.write_section(page, "c", "new\n")
    assert raised.value.code == "bench-page"
