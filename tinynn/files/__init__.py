"""How models are kept in files."""
