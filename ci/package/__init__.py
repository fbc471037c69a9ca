"""The package: what pyproject.toml and the folders say."""
