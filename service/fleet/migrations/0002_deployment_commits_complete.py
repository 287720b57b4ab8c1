"""Whether a deployment's commits are known to be all; the default stays, for the code that serves meanwhile."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("fleet", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="deployment",
            name="commits_complete",
            field=models.BooleanField(
                db_default=False, default=False, help_text="whether these are known to be all that it brought"
            ),
        ),
    ]
