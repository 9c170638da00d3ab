"""The project's own ONNX Runtime operators: packed weight layout, library location, kernels."""
