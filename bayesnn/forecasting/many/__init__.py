"""Forecasts of many series at once, each with a fit of its own, by a structural autoregression with exact draws."""
