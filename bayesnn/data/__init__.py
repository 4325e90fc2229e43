"""Data of users as arrays: tables, sequences, categories and time series."""
