"""A release from event to installed package, without AWS or PyPI: what is deployed, played here."""
