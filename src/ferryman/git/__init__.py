"""Git: the repository that a project is in, its commits, and the files of one."""
