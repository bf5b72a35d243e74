"""Statements about exact matrices, what proves them, and the results that users see.

Search is elsewhere (certify/convex, certify/symbolic): here numbers become files, the kernel is asked, and a Bound says
what came of it.
"""
