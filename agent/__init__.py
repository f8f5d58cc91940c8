"""The brain: what is out there, and is it well? It knows no process, no files and no north."""
