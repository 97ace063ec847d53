"""The AWS wire: requests in, answers out, driven by the service models."""
