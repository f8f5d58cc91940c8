"""Finds units on a line, says what they are, and proposes their entries for a site file. Reads only."""
