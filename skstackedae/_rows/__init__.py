"""Rows: where the data are stored, and how kernels get them."""
