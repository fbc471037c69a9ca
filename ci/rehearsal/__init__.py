"""Run the deployed pipeline locally, from event to installed package, without AWS or PyPI."""
