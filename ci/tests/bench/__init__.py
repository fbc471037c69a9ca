"""Measures the sessions: nox -s bench. It stays in the pipeline's own repository."""
