"""The fleet's log book: servers, apps, releases and the deployments that agents report."""
