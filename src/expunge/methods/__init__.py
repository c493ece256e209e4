"""The shelves: one folder for what a model is made of, hence for a heavy dependency; a file's name is the method's."""
