"""Plain mode: what there is and what changes, line by line, for screen readers and pipes. No escape codes."""
