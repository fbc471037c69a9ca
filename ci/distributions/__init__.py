"""The sdist and the wheel: built, checked, listed in a manifest, built again."""
