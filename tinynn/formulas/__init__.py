"""Each activation, loss and normalization, described once for every engine and export."""
