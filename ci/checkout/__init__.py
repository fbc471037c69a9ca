"""The commit: what git says of the checkout."""
