"""The pages. Each is a function of the API client and of the address; none imports another."""
