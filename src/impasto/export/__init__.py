"""Exports networks to ONNX, and imports checkpoints of pytorch/examples."""
