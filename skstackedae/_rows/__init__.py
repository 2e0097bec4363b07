"""Rows: where the data are, and how kernels reach them."""
