"""What a wheel depends on, as the index has it now, and under which licences."""

from __future__ import annotations

from email.message import Message
from typing import TYPE_CHECKING, cast

import pytest
from packaging.requirements import Requirement

from ci.dependencies.resolve import find_wheel, licences, resolve, stated_licence, version_of
from ci.errors import UserError
from ci.tests.checkouts import make_checkout

if TYPE_CHECKING:
    from importlib.metadata import PackageMetadata
    from pathlib import Path


def wheel(root: Path, *requires: str) -> Path:
    return make_checkout(root / "checkout", requires=requires).wheel


def test_a_wheel_without_dependencies_resolves_to_nothing(tmp_path: Path) -> None:
    assert resolve(wheel(tmp_path), "3.8") == []


def test_dependencies_resolve_to_pins_with_markers_for_every_python(tmp_path: Path) -> None:
    found = resolve(wheel(tmp_path, "exceptiongroup<1.3; python_version < '3.11'"), "3.8")
    assert [(pin.name, version_of(pin), str(pin.marker)) for pin in found] == [
        ("exceptiongroup", "1.2.2", 'python_full_version < "3.11"')
    ]


def test_a_dependency_by_url_is_kept_and_its_licence_is_read(tmp_path: Path) -> None:
    other = make_checkout(tmp_path / "other", name="other").wheel
    found = resolve(wheel(tmp_path, f"other @ {other.as_uri()}"), "3.12")
    assert [version_of(pin) for pin in found] == [other.as_uri()]
    assert licences(found, ("3.12",)) == {f"other @ {other.as_uri()}": "not stated"}


def test_an_extras_dependencies_are_not_the_wheels(tmp_path: Path) -> None:
    assert resolve(wheel(tmp_path, "iniconfig; extra == 'more'"), "3.12") == []


def test_dependencies_that_contradict_each_other_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="iniconfig") as raised:
        resolve(wheel(tmp_path, "iniconfig<2", "iniconfig>=2"), "3.12")
    assert raised.value.code == "dependencies-unresolvable"


@pytest.mark.parametrize("count", [0, 2])
def test_a_folder_must_hold_one_wheel(tmp_path: Path, count: int) -> None:
    for number in range(count):
        (tmp_path / f"thing-{number}-py3-none-any.whl").touch()
    with pytest.raises(UserError, match=f"holds {count} wheels") as raised:
        find_wheel(tmp_path)
    assert raised.value.code == "no-wheel"


def test_the_licence_is_read_from_the_wheel_of_the_highest_python_that_has_one() -> None:
    pins = [
        Requirement("iniconfig==2.0.0"),
        Requirement("pywin32==306; sys_platform == 'win32'"),
        Requirement("exceptiongroup==1.2.2; python_version < '3.11'"),
    ]
    assert licences(pins, ("3.8", "3.12")) == {
        "exceptiongroup==1.2.2": "MIT License",
        "iniconfig==2.0.0": "MIT",
        "pywin32==306": "not known: there is no wheel for this platform",
    }


@pytest.mark.parametrize(
    ("fields", "licence"),
    [
        ({"License-Expression": "MIT", "License": "old"}, "MIT"),
        ({"Classifier": "License :: OSI Approved :: BSD License", "License": "x"}, "BSD License"),
        ({"Classifier": "License :: OSI Approved", "License": "Apache 2"}, "Apache 2"),
        ({"License": "Permission is hereby granted\nto any person"}, "not stated"),
        ({"License": ""}, "not stated"),
        ({}, "not stated"),
    ],
)
def test_the_licence_is_taken_from_the_most_exact_field(
    fields: dict[str, str], licence: str
) -> None:
    message = Message()
    for key, value in fields.items():
        message[key] = value
    assert stated_licence(cast("PackageMetadata", message)) == licence
