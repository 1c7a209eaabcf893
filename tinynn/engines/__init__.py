"""Engines: how a network is executed. `lists` is the definition; the others are faster."""
