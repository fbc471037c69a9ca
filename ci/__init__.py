"""What the sessions run: one module a step, in the order of a release."""
