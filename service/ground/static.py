"""Where static files come from and under which names they are served; shared by the service and the image build."""

from pathlib import Path

STATIC_URL = "static/"
STATIC_ROOT = Path(__file__).resolve().parent.parent / "static"
THIRD_PARTY_APPS = ["django.contrib.admin", "drf_spectacular_sidecar"]
# Names carry a hash of the content, so browsers may keep the files for ever.
STORAGE = {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
