"""Markov chains and smaller ones: lumping with an error that holds at all times, and means under stationary laws."""
