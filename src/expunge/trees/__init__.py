"""Trees as people read them: a forest's nodes with the names of columns and classes, as text and as a picture."""
