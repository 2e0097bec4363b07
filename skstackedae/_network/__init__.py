"""The network: the mathematics, pure functions of arrays."""
