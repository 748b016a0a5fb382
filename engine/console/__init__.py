"""What the console asks of the engine: what its pages show, as immutable values, and what its actions do."""
