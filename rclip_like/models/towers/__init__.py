"""How each runtime computes a model's towers: NumPy, ONNX Runtime and torch."""
