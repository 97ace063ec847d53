"""`moorage setup`: what it asks, plans, writes and proves."""
