"""The dependency groups' locks: compiled, checked."""
