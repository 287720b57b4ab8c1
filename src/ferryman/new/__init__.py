"""`new`: makes a Django REST Framework project that is ready to be shipped."""
