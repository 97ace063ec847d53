"""`moorage doctor`: what is wrong with this machine, and how to put it right."""
