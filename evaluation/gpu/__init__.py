"""`benchmarks/gpu.py`: the CUDA operators' errors, speed and limits, without ONNX Runtime."""
