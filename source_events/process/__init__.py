"""What only a process may do, and never a library: the protocol over standard output, signals, start-up."""
