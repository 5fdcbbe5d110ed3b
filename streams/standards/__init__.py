"""The standards file: its form, its errors, and the model that it is compiled to.

Enter at `load.load`; everything else in the program reads `model.Standards`. No files are opened here: the text is
given.
"""
