"""What the documentation says is so: links, files, sessions, settings, codes, tests, commands."""

from __future__ import annotations

import ast
import json
import math
import re
from dataclasses import fields
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest

from ci.checkout.git import tracked_files
from ci.errors import UserError
from ci.package.project import Settings, parse_project, read_project
from ci.package.pyproject import load
from ci.rehearsal import __main__ as rehearsal
from ci.rehearsal.cdk import synthesize
from ci.tests.house.nox import names_of, selected
from ci.tests.house.pages import ROOT, Page, code, pages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGES = pages()
SETUP, README, SECURITY, ERRORS = (
    Page(name) for name in ("docs/cicd-setup.md", "README.md", "SECURITY.md", "ci/errors.md")
)
# What sessions and users make, so that git does not have it.
MADE = (
    *(".github/workflows/ci.yml", ".gitlab-ci.yml"),
    *("*/.venv/*", ".nox/*", ".pypirc", ".venv/*", "ci/adopted.sha256"),
    "noxfile_own.py",
    *("cdk/cdk.out/*", "coverage.xml", "dist/*", "nightly/*", "reports/*"),
)
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@every_page
def test_every_link_leads_somewhere(page: Page) -> None:
    dead = [link for link in page.links if not leads_somewhere(page, link)]
    assert dead == []


def leads_somewhere(page: Page, link: str) -> bool:
    if link.startswith("https://"):
        return True
    path, _, anchor = link.partition("#")
    target = (page.path.parent / path).resolve() if path else page.path
    if anchor:
        return anchor in Page(target.relative_to(ROOT).as_posix()).anchors
    return target.exists()


def test_the_page_of_the_errors_links_to_no_page_that_adopters_lack() -> None:
    assert [link for link in Page("ci/errors.md").links if link.startswith("../")] == []


@pytest.mark.parametrize("link", ["docs/none.md", "#none", "docs/design.md#none", "http://x"])
def test_a_dead_link_is_found(link: str) -> None:
    assert not leads_somewhere(README, link)


@every_page
def test_no_two_headings_of_a_page_have_the_same_anchor(page: Page) -> None:
    assert len(set(page.anchors)) == len(page.anchors)


@every_page
def test_every_file_that_is_named_exists(page: Page) -> None:
    named = [span for span in page.code_spans if re.fullmatch(r"\.?[\w-][\w./-]*", span)]
    files = [
        name for name in named if "/" in name.strip("/") or re.search(r"\.(py|toml|yml)$", name)
    ]
    assert [name for name in files if not exists(name)] == []


def test_a_file_that_is_not_there_is_found() -> None:
    assert [name for name in ("ci/none.py", "none.toml", "docs/none/") if exists(name)] == []


@cache
def files() -> list[str]:
    return tracked_files(ROOT)


def exists(name: str) -> bool:
    """In the repository, from its top or (as a table of a folder's files has it) within it."""
    tracked = files()
    everything = {*tracked, *(path.rpartition("/")[0] for path in tracked)}
    plain = name.rstrip("/")
    return any(fnmatchcase(name, pattern) for pattern in (*MADE, f"{project_name()}/*")) or any(
        path == plain or path.endswith(f"/{plain}") for path in everything
    )


def test_the_map_of_ci_leaves_nothing_out() -> None:
    rows = Page("docs/design.md").rows("What is where in ci/")
    mapped = {name.rstrip("/") for row in rows for name in re.findall(r"`([^`]+)`", row[0])}
    tracked = {path.split("/")[1] for path in tracked_files(ROOT) if path.startswith("ci/")}
    assert mapped == tracked - {"__init__.py"}


def test_a_folder_of_ci_imports_only_from_folders_below_it_and_not_nox() -> None:
    rows = Page("docs/design.md").rows("What is where in ci/")
    folders = [name for row in rows for name in re.findall(r"^`(\w+)/`$", row[0])]
    assert len(folders) > 5
    for place, folder in enumerate(folders):
        others = ("nox.", "ci.tests.", *(f"ci.{above}." for above in folders[:place]))
        for path in ROOT.glob(f"ci/{folder}/**/*.py"):
            assert [name for name in imported(path) if f"{name}.".startswith(others)] == [], path


def test_cdk_imports_nothing_of_ci() -> None:
    for path in ROOT.glob("cdk/*.py"):
        assert [name for name in imported(path) if f"{name}.".startswith("ci.")] == [], path


def imported(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    return re.findall(r"^ *(?:from|import) ([\w.]+)", text, re.MULTILINE)


@cache
def project_name() -> str:
    return read_project(ROOT).name


# --- sessions ------------------------------------------------------------------------------------


def test_the_table_of_sessions_is_the_noxfiles() -> None:
    told = {code(name): [pr, release] for name, _, pr, release in README.rows("The sessions")}
    closures = [names_of(name) - {name} for name in ("pr", "release")]
    assert told == {
        name: ["yes" if name in closure else "" for closure in closures] for name in names_of()
    }


@every_page
def test_every_session_that_is_named_exists(page: Page) -> None:
    known = {*selected(), *names_of()}
    asked = re.compile(r"\bnox (?:-\S+ )*-s ((?:[a-z]\S*(?: |$))+)")
    texts = [*page.code_spans, *page.commands]
    named = {name for text in texts for match in asked.findall(text) for name in match.split()}
    assert named - known == set()


# --- settings ------------------------------------------------------------------------------------


def test_the_settings_of_the_package_are_those_that_are_read() -> None:
    document = load(ROOT / "pyproject.toml")
    document["tool"]["ci"] = {"no-such-key": 1}
    with pytest.raises(UserError, match="unknown-setting") as caught:
        parse_project(ROOT, document)
    taken = caught.value.remedy.removeprefix("use one of ").partition(", or")[0].split(", ")
    defaults = {
        field.name.replace("_", "-"): (
            list(field.default) if isinstance(field.default, tuple) else field.default
        )
        for field in fields(Settings)
    }
    assert sorted(defaults) == taken
    told = SETUP.rows("Of the package: [tool.ci] in pyproject.toml")
    assert {code(key): json.loads(code(default)) for key, default, _ in told} == defaults


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Those of the stack, as it would be deployed, by logical id."""
    found = synthesize(ROOT / "cdk", tmp_path_factory.mktemp("cdk") / "out").document["Resources"]
    return dict(found)


@pytest.mark.slow
def test_every_resource_that_is_named_is_in_the_stack(resources: dict[str, dict[str, Any]]) -> None:
    values = {
        value
        for resource in resources.values()
        for value in resource.get("Properties", {}).values()
        if isinstance(value, str)
    }
    stack = f"{project_name()}-pipeline"
    known = {*values, project_name(), stack}
    known |= {f"{stack}-{path}" for path in resources}
    texts = [page.path.read_text(encoding="utf-8") for page in PAGES]
    pattern = rf"(?:/aws/[\w/]+/)?{project_name()}(?:-\w+)*-?"
    named = {name for text in texts for name in re.findall(pattern, text)}
    assert len(named) > 8
    roles = {name for name in named if any(key.startswith(name) for key in known)}
    assert named - roles == set()


# --- errors --------------------------------------------------------------------------------------

# The code among the arguments.
WHERE = {"UserError": 0, "ContextProblem": 0, "Finding": 2, "subject.finding": 1}


def codes_given() -> Iterator[str]:
    """The code of every error that the pipeline can give, and of every finding."""
    for name in ("buildspec.yml", "noxfile.py", "ci/run_tests.py"):
        yield from re.findall(r"error\[([\w-]+)\]", (ROOT / name).read_text(encoding="utf-8"))
    for path in sorted([*ROOT.glob("ci/**/*.py"), *ROOT.glob("cdk/*.py")]):
        if "tests" in path.relative_to(ROOT).parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or ast.unparse(node.func) not in WHERE:
                continue
            if not ast.unparse(node).startswith("Finding(self.archive.path.name, member, rule"):
                argument = node.args[WHERE[ast.unparse(node.func)]]
                assert isinstance(argument, ast.Constant), f"{path}: {ast.unparse(node)}"
                yield str(argument.value)


def test_every_error_has_its_row_and_every_row_its_error() -> None:
    rows = [code(row[0]) for row in ERRORS.rows()]
    given = {name for name in codes_given() if not name.startswith("adopt-")}  # on its own page
    assert len(given) > 100
    assert given - set(rows) == set()
    assert set(rows) - given == set()
    assert len(rows) == len(given)


def test_what_a_rehearsal_can_not_show_is_what_it_says_itself(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        rehearsal.main(["--help"])
    said = " ".join(capsys.readouterr().out.partition("What a rehearsal can't show:")[2].split())
    assert SETUP.items("What a rehearsal can't show") == said.removesuffix(".").split("; ")


# --- claims --------------------------------------------------------------------------------------


def claims() -> list[list[str]]:
    return [row for row in SECURITY.rows() if len(row) == 2]


@pytest.mark.parametrize(("claim", "tests"), claims(), ids=[claim for claim, _ in claims()])
def test_a_claim_of_security_names_its_tests(claim: str, tests: str) -> None:
    named = re.findall(r"`([\w/]+\.py)::(test_\w+)`", tests)
    assert named, claim
    assert [name for file, name in named if name not in names_in(file)] == []


@cache
def names_in(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_the_policy_that_protects_main_denies_every_way_to_change_a_branch() -> None:
    (text,) = (token.content for token in SETUP.tokens if token.info == "json")
    statement = json.loads(text)["Statement"]
    codecommit = botocore.session.get_session().get_service_model("codecommit")
    changing = {"GitPush"} | {
        name
        for name in codecommit.operation_names
        if name.startswith("MergePullRequest")
        or {"branchName", "targetBranch"}
        & {*getattr(codecommit.operation_model(name).input_shape, "members", ())}
    }
    changing -= {"CreateBranch", "GetBranch"}
    assert len(changing) > 10
    for name in changing:
        denied = [fnmatchcase(f"codecommit:{name}", pattern) for pattern in statement["Action"]]
        assert any(denied), name
    assert statement["Condition"] == {
        "StringEqualsIfExists": {"codecommit:References": "refs/heads/main"},
        "Null": {"codecommit:References": "false"},
    }


def test_the_costs_add_up() -> None:
    rows = [row for row in SETUP.rows("What it costs") if len(row) == 3]
    sums = [float(row[2].strip("*")) for row in rows if row[1]]
    assert [round(product(row[1]), 2) for row in rows if row[1]] == sums
    assert float(rows[-1][2].strip("*")) == pytest.approx(sum(sums))


def test_the_costs_of_each_setting_are_what_their_arithmetic_says() -> None:
    rows = SETUP.rows("What a setting costs")
    assert len(rows) > 5
    for _, _, arithmetic, cost in rows:
        products = [product(part) for part in arithmetic.split("+")]
        assert float(cost) == round(sum(products), 2)


def product(arithmetic: str) -> float:
    return math.prod(float(factor) for factor in re.findall(r"[\d.]+", arithmetic))
