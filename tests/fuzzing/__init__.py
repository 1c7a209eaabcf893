"""Files that were damaged on purpose, read by every loader: `python tests/fuzzing --help`."""
