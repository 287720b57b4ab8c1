"""The pages on which people sign in, accept an invitation, and look after their account."""
