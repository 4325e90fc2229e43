"""What every folder may use: checks of input, runtime, random numbers, conditional draws, declarations of weights."""
