"""What the benchmarks share; none of these files is one."""
