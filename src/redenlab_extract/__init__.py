"""The `redenlab-extract` distribution.

`__version__` is the one place where the version stands: the build reads it from
here, and a release's tag must be equal to it.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
