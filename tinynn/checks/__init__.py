"""Arguments and rows from outside, checked once, and the words of messages."""
