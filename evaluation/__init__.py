"""The benchmarks behind `mixline bench` and `mixline eval`: measured, never asserted."""
