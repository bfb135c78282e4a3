"""Which models there are: in the package, on this machine, on the hub."""
