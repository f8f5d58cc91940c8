"""The host: the process on the gateway, and everything north of the readings."""

from importlib.metadata import version

__version__ = version("maplebridge")
