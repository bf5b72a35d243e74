"""Discarded modes of a kernel as a larger ridge: one truncation, and the flow over many."""
