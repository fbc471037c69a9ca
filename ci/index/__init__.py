"""The package index: its URLs, its files, the credentials, the upload."""
