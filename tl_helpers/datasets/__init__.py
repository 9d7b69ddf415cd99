"""Data sets of the course, one module per modality."""
