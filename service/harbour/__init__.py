"""The project: settings, addresses, WSGI, the commands and the checks of Harbour as a whole."""
