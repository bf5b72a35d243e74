"""Budgets: errors that gains carry from scale to scale, and influences of spins on each other."""
