"""All of back-propagation: the modules of the lesson. README.md gives the reading order."""
