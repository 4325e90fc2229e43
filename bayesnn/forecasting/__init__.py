"""Forecasts of fitted series, and their scores from rolling origins."""
