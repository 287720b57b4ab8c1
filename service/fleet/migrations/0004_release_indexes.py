"""Indexes for the beginning of a release's revision, and for its digest."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("fleet", "0003_event_indexes"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="release",
            name="release_revision",
        ),
        migrations.AddIndex(
            model_name="release",
            index=models.Index(fields=["revision"], name="release_revision_begins", opclasses=["varchar_pattern_ops"]),
        ),
        migrations.AddIndex(
            model_name="release",
            index=models.Index(fields=["digest"], name="release_digest"),
        ),
    ]
