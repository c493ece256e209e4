"""How models of other libraries become learners: pure functions of a set of records, a key and parameters."""
