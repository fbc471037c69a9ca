"""The package index: where it is, what it shows, who may upload, one upload."""
