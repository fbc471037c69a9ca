"""What is added to pyproject.toml, with its comments and order kept."""

from __future__ import annotations

import tomllib

import pytest

from ci.adopt.edit import to_paste, written
from ci.adopt.needs import Need
from ci.errors import UserError

COMMENTED = """\
# the beginning
[project]
name = "x" # its name
classifiers = [
  # these first
  "One", # the one
]

[tool.black]
line-length = 99

# groups
[dependency-groups]
test = ["pytest"]
"""
EDITED = """\
# the beginning
[project]
name = "x" # its name
classifiers = [
  # these first
  "One", # the one
  "Two",
]

[tool.black]
line-length = 99
# to see
preview = true

# groups
[dependency-groups]
test = ["pytest", { include-group = "more" }]

[tool.ci]
# so it is
allow = [
  "a-name-0",
  "a-name-1",
  "a-name-2",
  "a-name-3",
  "a-name-4",
  "a-name-5",
  "a-name-6",
]
"""
NEEDS = [
    Need(("project",), "classifiers", ["One", "Two"], "why not"),
    Need(("dependency-groups",), "test", ["pytest", {"include-group": "more"}], "for tests"),
    Need(("tool", "black"), "preview", value=True, why="to see"),
    Need(("tool", "ci"), "allow", [f"a-name-{n}" for n in range(7)], "so it is"),
]


def test_comments_and_order_stay_when_keys_are_added() -> None:
    after = written(COMMENTED, NEEDS)
    assert after == EDITED
    assert written(COMMENTED.replace("\n", "\r\n"), NEEDS) == EDITED.replace("\n", "\r\n")


@pytest.mark.parametrize("rest", ["", "\n", "\n[[tool.x]]\na = 1\n", "\n\n# next\n[next]\n"])
def test_a_key_goes_to_its_own_table(rest: str) -> None:
    after = written(f"[tool.black]\n# last\nline-length = 99 # so{rest}", NEEDS[2:3])
    assert after == (
        "[tool.black]\n# last\nline-length = 99 # so\n# to see\npreview = true\n" + rest[1:]
    )


def test_a_key_goes_to_its_table_with_dots_where_the_others_have_them() -> None:
    text = '[tool.hatch]\nbuild.targets.sdist.include = ["a"]\nversion.source = "vcs"\n\n[x]\n'
    needs = [
        Need(("tool", "hatch", "build", "targets", "sdist"), "exclude", ["/ci"], "why"),
        Need(("tool", "hatch", "envs"), "a", 1, "new"),
    ]
    assert written(text, needs) == (
        '[tool.hatch]\nbuild.targets.sdist.include = ["a"]\nversion.source = "vcs"\n# why\n'
        'build.targets.sdist.exclude = ["/ci"]\n\n[x]\n\n[tool.hatch.envs]\n# new\na = 1\n'
    )


def test_a_switch_is_turned_where_it_is_and_a_list_of_lists_is_no_table() -> None:
    text = "[tool.x]\non = false # off\nrows = [\n[1],\n[2], # two\n]\n"
    turned = [Need(("tool", "x"), "on", value=True, why="now"), Need(("tool", "x"), "n", 1, "one")]
    assert written(text, turned) == text.replace("false", "true") + "# one\nn = 1\n"


def test_what_is_to_be_pasted_says_where_and_why() -> None:
    text = to_paste(tomllib.loads(COMMENTED), NEEDS)
    assert (
        "[project] # the table that is there\n# why not, in place of the shorter list there" in text
    )
    assert 'test = ["pytest", { include-group = "more" }]' in text
    assert tomllib.loads(text)["tool"]["black"] == {"preview": True}


def test_a_file_that_can_not_be_added_to_is_named() -> None:
    with pytest.raises(UserError) as raised:
        written("tool = { black = {} }\n", NEEDS[2:])
    assert raised.value.code == "adopt-unwritable-toml"
