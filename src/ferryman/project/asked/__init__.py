"""What follows from a project's own answers: what production lacks, where health is asked, what is refused."""
