"""What engines run on: the device, memory, and checkpoints."""
