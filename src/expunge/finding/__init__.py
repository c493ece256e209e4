"""Which records, and how many: each reason to forget ranks the records by it, and says what the ranking cannot show."""
