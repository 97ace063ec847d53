"""From a credential to a principal, and from a principal to "may it?"."""
