"""Python imports this in every process that a test starts: the tap is on there, too."""

import os

import wire_tap

if folder := os.environ.get(wire_tap.FOLDER):
    wire_tap.install(folder)
