"""One package a service, one function an operation, one module a resource."""
