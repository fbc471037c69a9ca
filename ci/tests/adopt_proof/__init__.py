"""Adopting tried on packages from PyPI: slow, so a session of its own and no part of `pr`."""
