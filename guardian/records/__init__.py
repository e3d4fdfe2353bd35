"""What guardian remembers: state, journal, evidence."""
