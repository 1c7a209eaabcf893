"""Engines execute a network. `lists` is the definition; the others are faster."""
