"""The benchmarks behind `mixline bench` and, later, `mixline eval`: measured, never asserted."""
