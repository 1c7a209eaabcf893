"""Reports: what the test of a model found, as numbers (`findings`), as pictures (`charts`), and as
one HTML page (`page`).
"""
