"""Putting the pipeline into the repository of another package, and keeping it up to date there."""
