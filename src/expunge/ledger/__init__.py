"""What happened, in a keyed chain of events that only grows (`chain`), and what follows from it (`book`)."""
