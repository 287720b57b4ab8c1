"""`init`: takes an existing Django project in."""
