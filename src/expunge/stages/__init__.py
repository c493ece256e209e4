"""What stands in front of a closed form, as statistics that forget: scales, fills, categories, words, components."""
