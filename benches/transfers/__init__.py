"""What `benches/transfer.py` measures, a section a file."""
