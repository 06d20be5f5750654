"""What the benchmarks are made of: a stack to measure, rows to measure on, a load, and yardsticks."""
