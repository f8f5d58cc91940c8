"""Do a device's own readings agree with each other? What flags a map that is plausible but wrong."""
