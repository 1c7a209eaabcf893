"""Reports on a model and its test: as numbers (`findings`), as charts (`charts`), and as one HTML
page (`page`).
"""
