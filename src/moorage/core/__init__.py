"""The vocabulary every other layer speaks. Standard library only."""
