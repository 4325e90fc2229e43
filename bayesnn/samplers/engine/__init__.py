"""What drives every sampler: plans, compiled programs, chains, devices and hosts."""
