"""What a user of the installed wheel relies on."""

import re
from importlib import metadata
from pathlib import Path

import redenlab_extract

DISTRIBUTION = "redenlab-extract"


def test_the_installed_package_is_tested_not_the_source_tree() -> None:
    assert "site-packages" in Path(redenlab_extract.__file__).parts


def test_the_version_is_the_one_that_the_distribution_was_built_with() -> None:
    assert redenlab_extract.__version__ == metadata.version(DISTRIBUTION)


def test_the_version_can_be_ordered_by_every_tool() -> None:
    assert re.fullmatch(r"\d+(\.\d+)*((a|b|rc)\d+)?(\.post\d+)?", redenlab_extract.__version__)


def test_type_checkers_find_the_marker_of_a_typed_package() -> None:
    assert Path(redenlab_extract.__file__).with_name("py.typed").is_file()


def test_every_public_name_exists() -> None:
    assert redenlab_extract.__all__
    assert [name for name in redenlab_extract.__all__ if not hasattr(redenlab_extract, name)] == []


def test_pip_is_told_which_pythons_can_install_it() -> None:
    assert metadata.metadata(DISTRIBUTION)["Requires-Python"] == ">=3.8"


def test_the_wheel_brings_its_licence_and_nothing_beside_the_package() -> None:
    files = metadata.files(DISTRIBUTION) or []
    assert any(file.name == "LICENSE" for file in files)
    tops = {file.parts[0].partition("-")[0] for file in files}
    assert tops == {"redenlab_extract"}
