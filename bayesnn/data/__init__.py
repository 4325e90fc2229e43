"""What people bring, as arrays: tables, sequences and categories."""
