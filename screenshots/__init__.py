"""Pictures of the console, and what makes them."""
