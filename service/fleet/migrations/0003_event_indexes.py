"""Cheaper inserts of events: ascending and partial indexes, and no foreign keys but the server's."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("fleet", "0002_deployment_commits_complete"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="deploymentevent",
            name="event_of_server",
        ),
        migrations.RemoveIndex(
            model_name="deploymentevent",
            name="event_of_environment",
        ),
        migrations.RemoveIndex(
            model_name="deploymentevent",
            name="event_of_deployment",
        ),
        migrations.RemoveIndex(
            model_name="deploymentevent",
            name="event_kind",
        ),
        migrations.AlterField(
            model_name="deploymentevent",
            name="deployment",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="events",
                to="fleet.deployment",
            ),
        ),
        migrations.AlterField(
            model_name="deploymentevent",
            name="environment",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="events",
                to="fleet.environment",
            ),
        ),
        migrations.AddIndex(
            model_name="deploymentevent",
            index=models.Index(fields=["server", "id"], name="event_of_server"),
        ),
        migrations.AddIndex(
            model_name="deploymentevent",
            index=models.Index(fields=["kind", "id"], name="event_kind"),
        ),
        migrations.AddIndex(
            model_name="deploymentevent",
            index=models.Index(
                condition=models.Q(("environment__isnull", False)),
                fields=["environment", "id"],
                name="event_of_environment",
            ),
        ),
        migrations.AddIndex(
            model_name="deploymentevent",
            index=models.Index(
                condition=models.Q(("deployment__isnull", False)),
                fields=["deployment", "id"],
                name="event_of_deployment",
            ),
        ),
    ]
