"""What can go wrong with a release, or with AWS, and how each of it must end."""
