"""Faults of a release or of AWS, each with the outcome that it must have."""
