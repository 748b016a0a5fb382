"""The console (Textual). Pages call `engine.console` only, in the feed's threads, after the first frame."""
