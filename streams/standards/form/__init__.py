"""The standards file as it is written: its keys, what each may say, and what must fit together.

Enter at `forms.StandardsForm` and `references.check`. Nothing is compiled here.
"""
