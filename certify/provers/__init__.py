"""Untrusted search, one file each. What they find is elaborated to integers and judged by the kernel."""
