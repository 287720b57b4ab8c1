"""The downtime of a deployment, and the notices of servers; the code that serves meanwhile knows neither."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("fleet", "0004_release_indexes"),
    ]

    operations = [
        migrations.AddField(
            model_name="deployment",
            name="downtime",
            field=models.FloatField(
                blank=True, help_text="seconds in which the app did not answer because of it", null=True
            ),
        ),
        migrations.CreateModel(
            name="Notice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code", models.CharField(max_length=100)),
                (
                    "subject",
                    models.CharField(blank=True, help_text="the app or the part of the server", max_length=200),
                ),
                (
                    "severity",
                    models.CharField(
                        choices=[("info", "Info"), ("warning", "Warning"), ("critical", "Critical")], max_length=8
                    ),
                ),
                ("message", models.TextField(blank=True, max_length=2000)),
                ("next", models.CharField(blank=True, help_text="what to do about it", max_length=500)),
                ("since", models.DateTimeField()),
                ("sequence", models.BigIntegerField(help_text="number of the event that told it last")),
                ("told_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "environment",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notices",
                        to="fleet.environment",
                    ),
                ),
                (
                    "server",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notices",
                        to="fleet.server",
                    ),
                ),
            ],
            options={
                "ordering": ["-since", "-id"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("server", "code", "subject"), name="notice_once_per_code_and_subject"
                    )
                ],
            },
        ),
    ]
