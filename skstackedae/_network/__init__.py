"""The mathematics of the network, as pure functions of arrays."""
