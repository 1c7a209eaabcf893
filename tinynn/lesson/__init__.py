"""Back-propagation, whole: the modules of the lesson. README.md gives the reading order."""
