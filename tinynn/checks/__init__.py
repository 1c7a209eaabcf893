"""Checks of arguments and tables from the caller, and the wording of messages."""
