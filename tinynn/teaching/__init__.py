"""To see the arithmetic and play with it: steps explained, a course, the playground."""
