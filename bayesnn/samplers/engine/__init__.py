"""What runs every sampler: plans, compiled programs, the loop over chains, devices and hosts."""
