"""Reports on a model and its test.

findings   the test in numbers: what a model file keeps of it
measures   from targets and answers to findings, and what each column does
verdicts   what the numbers say, in sentences
charts     of the training, the test, the columns and the network
page       one HTML page of sections
"""
