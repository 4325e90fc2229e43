"""Formulas: which columns of a table are target, inputs and offset, and how they are transformed and coded."""
