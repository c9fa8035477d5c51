"""Networks in the formats of others: ONNX out, checkpoints of pytorch/examples in."""
