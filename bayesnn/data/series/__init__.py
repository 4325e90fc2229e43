"""A series and its own past: dates, transforms, lags, inputs by date, choices without tuning."""
