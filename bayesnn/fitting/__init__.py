"""From model and data to a fit: binding, sampling, inference data, files."""
