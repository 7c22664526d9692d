"""Record lists in columns: cast and checked as a whole, laid out in arrays, memory-mapped."""
