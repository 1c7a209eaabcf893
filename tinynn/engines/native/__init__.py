"""The `native` engine: machine code for one network, written by Python alone."""
