"""The code that the nox sessions run: one module for each step of a release."""
