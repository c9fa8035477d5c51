"""What engines run on: the device, the memory, the state kept in a file."""
