"""Networks and models: a body of layers, a readout, a likelihood and a prior make one NumPyro model."""
